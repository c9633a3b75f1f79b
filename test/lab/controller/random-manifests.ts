/** Random manifests of one Service, and what they mean, worked out a second time and in another way than the product does. */
import { toYaml } from '../../../lab/yaml.ts';

type Conditions = { ready?: boolean; serving?: boolean; terminating?: boolean };
interface SlicePort {
  name: string;
  protocol: 'TCP' | 'UDP';
  port: number;
}
interface Slice {
  name: string;
  service: string;
  addressType: 'IPv4' | 'IPv6';
  ports: SlicePort[];
  endpoints: { address: string; conditions: Conditions }[];
}
interface Port extends SlicePort {
  targetPort: number;
}

/** mulberry32: the same seed gives the same run. */
export function createRandom(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (count: number) => Math.floor(next() * count),
    of: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  };
}

export class RandomManifests {
  ports: Port[] = [];
  slices: Slice[] = [];
  readonly #random: ReturnType<typeof createRandom>;
  readonly #service: string;
  #names = 0;

  constructor(service: string, seed: number) {
    this.#service = service;
    this.#random = createRandom(seed);
    this.ports = [{ name: 'p0', protocol: 'TCP', port: 80, targetPort: 8080 }];
    this.slices = [this.#newSlice()];
    for (let n = 0; n < 3; n++) this.#addEndpoint();
  }

  /** One change; gives its name and the files to write (undefined: to remove). */
  change(): { title: string; files: Record<string, string | undefined> } {
    const before = new Set(this.slices.map(({ name }) => name));
    const title = this.#random.of(this.#changes)();
    const files: Record<string, string | undefined> = {};
    for (const name of before) files[`slice-${name}.yaml`] = undefined;
    return { title, files: { ...files, ...this.files() } };
  }

  files(): Record<string, string> {
    const files: Record<string, string> = { 'service.yaml': this.#serviceYaml() };
    for (const slice of this.slices) files[`slice-${slice.name}.yaml`] = sliceYaml(slice);
    return files;
  }

  readonly #changes: (() => string)[] = [
    ...Array<() => string>(4).fill(() => this.#addEndpoint()),
    ...Array<() => string>(4).fill(() => this.#changeConditions()),
    ...Array<() => string>(2).fill(() => this.#removeEndpoint()),
    () => this.#duplicateEndpoint(),
    () => this.#addPort(),
    () => this.#removePort(),
    () => this.#otherProtocol(),
    () => this.#moveTarget(),
    () => this.#shufflePorts(),
    () => this.#loseName(),
    () => this.#addSlice(),
    () => this.#removeSlice(),
  ];

  #newSlice(): Slice {
    return {
      name: `s${this.#names++}`,
      service: this.#service,
      addressType: 'IPv4',
      ports: this.ports.map(({ name, protocol, targetPort }) => ({ name, protocol, port: targetPort })),
      endpoints: [],
    };
  }

  #addEndpoint(): string {
    const address = `10.99.${this.#random.below(4)}.${1 + this.#random.below(30)}`;
    const slice = this.#random.of(this.slices);
    if (slice.addressType === 'IPv6') return 'nothing';
    slice.endpoints.push({ address, conditions: this.#conditions() });
    return `add ${address}`;
  }

  #conditions(): Conditions {
    const value = () => this.#random.of([undefined, undefined, true, true, false]);
    const all = { ready: value(), serving: value(), terminating: this.#random.of([undefined, false, true]) };
    return Object.fromEntries(Object.entries(all).filter(([, set]) => set !== undefined));
  }

  #changeConditions(): string {
    const endpoint = this.#random.of(this.#random.of(this.slices)?.endpoints ?? []);
    if (endpoint !== undefined) endpoint.conditions = this.#conditions();
    return `conditions of ${endpoint?.address}: ${JSON.stringify(endpoint?.conditions)}`;
  }

  #removeEndpoint(): string {
    const slice = this.#random.of(this.slices);
    const [gone] = slice?.endpoints.splice(this.#random.below(slice.endpoints.length), 1) ?? [];
    return `remove ${gone?.address}`;
  }

  #duplicateEndpoint(): string {
    const from = this.#random.of(this.slices);
    const endpoint = this.#random.of(from.endpoints);
    const slice = this.#random.of(this.slices);
    if (endpoint === undefined || slice.addressType !== from.addressType) return 'nothing';
    slice.endpoints.push({ address: endpoint.address, conditions: this.#conditions() });
    return `${endpoint.address} also in ${slice.name}`;
  }

  #addPort(): string {
    const port = 80 + this.#random.below(12);
    const protocol = this.#random.of(['TCP', 'UDP'] as const);
    if (this.ports.length > 6 || this.ports.some((each) => each.port === port && each.protocol === protocol))
      return 'nothing';
    const added = { name: `p${++this.#names}`, protocol, port, targetPort: 8000 + this.#random.below(100) };
    this.ports.push(added);
    for (const slice of this.slices) slice.ports.push({ name: added.name, protocol, port: added.targetPort });
    return `port ${protocol}/${port} added`;
  }

  #removePort(): string {
    if (this.ports.length < 2) return 'nothing';
    const [gone] = this.ports.splice(this.#random.below(this.ports.length), 1);
    for (const slice of this.slices) slice.ports = slice.ports.filter(({ name }) => name !== gone?.name);
    return `port ${gone?.protocol}/${gone?.port} removed`;
  }

  /** TCP and UDP on one port. */
  #otherProtocol(): string {
    const port = this.#random.of(this.ports);
    const protocol = port.protocol === 'TCP' ? 'UDP' : 'TCP';
    if (
      this.ports.length > 6 ||
      this.ports.some((each) => each.port === port.port && each.protocol === protocol)
    )
      return 'nothing';
    const name = `p${++this.#names}`;
    this.ports.push({ ...port, name, protocol });
    for (const slice of this.slices) slice.ports.push({ name, protocol, port: port.targetPort });
    return `port ${protocol}/${port.port} beside the other protocol`;
  }

  /** A named targetPort is another number in the pods of one slice. */
  #moveTarget(): string {
    const port = this.#random.of(this.#random.of(this.slices)?.ports ?? []);
    if (port !== undefined) port.port = 9000 + this.#random.below(100);
    return `target of ${port?.name} is ${port?.port}`;
  }

  #shufflePorts(): string {
    this.ports.reverse();
    for (const slice of this.slices) slice.endpoints.reverse();
    return 'everything in another order';
  }

  /** A slice whose pods do not have the port. */
  #loseName(): string {
    const slice = this.#random.of(this.slices);
    const [gone] = slice?.ports.splice(this.#random.below(slice.ports.length), 1) ?? [];
    return `${slice?.name} has no port ${gone?.name}`;
  }

  #addSlice(): string {
    if (this.slices.length > 4) return 'nothing';
    const slice = this.#newSlice();
    const kind = this.#random.below(4);
    if (kind === 0) slice.service = 'another';
    if (kind === 1) slice.addressType = 'IPv6';
    for (let n = 0; n < 3; n++) {
      const address = kind === 1 ? `fd00::${n + 1}` : `10.98.${kind}.${1 + this.#random.below(9)}`;
      slice.endpoints.push({ address, conditions: {} });
    }
    this.slices.push(slice);
    return `slice ${slice.name} of ${slice.service}, ${slice.addressType}`;
  }

  #removeSlice(): string {
    if (this.slices.length < 2) return 'nothing';
    const [gone] = this.slices.splice(this.#random.below(this.slices.length), 1);
    return `slice ${gone?.name} removed`;
  }

  #serviceYaml(): string {
    return toYaml({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: this.#service, namespace: 'default' },
      spec: {
        ports: this.ports.map(({ name, protocol, port, targetPort }) => ({
          name,
          protocol,
          port,
          targetPort,
        })),
      },
    });
  }

  /** What must be in the kernel: 'TCP/80' → 'address:port' → weight. Ports without any server are not. */
  meaning(): Record<string, Record<string, number>> {
    const meaning: Record<string, Record<string, number>> = {};
    for (const { name, protocol, port } of this.ports) {
      const servers = this.#serversOf(name, protocol);
      if (Object.keys(servers).length > 0) meaning[`${protocol}/${port}`] = servers;
    }
    return meaning;
  }

  #serversOf(portName: string, protocol: string): Record<string, number> {
    const found: Record<string, { takesNew: boolean; lastResort: boolean }[]> = {};
    for (const slice of this.slices) {
      if (slice.service !== this.#service || slice.addressType !== 'IPv4') continue;
      for (const { port } of slice.ports.filter(
        (each) => each.name === portName && each.protocol === protocol,
      )) {
        for (const { address, conditions } of slice.endpoints) {
          // discovery.k8s.io/v1: nil ready and nil serving count as true, nil terminating as false.
          const terminating = conditions.terminating === true;
          found[`${address}:${port}`] = [
            ...(found[`${address}:${port}`] ?? []),
            {
              takesNew: conditions.ready !== false && !terminating,
              lastResort: conditions.serving !== false && terminating,
            },
          ];
        }
      }
    }
    const someReady = Object.values(found).some((states) => states.some(({ takesNew }) => takesNew));
    const weigh = (states: { takesNew: boolean; lastResort: boolean }[]) =>
      states.some((state) => (someReady ? state.takesNew : state.lastResort)) ? 1 : 0;
    return Object.fromEntries(Object.entries(found).map(([place, states]) => [place, weigh(states)]));
  }
}

function sliceYaml({ name, service, addressType, ports, endpoints }: Slice): string {
  return toYaml({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType,
    ports,
    endpoints: endpoints.map(({ address, conditions }) => ({ addresses: [address], conditions })),
  });
}
