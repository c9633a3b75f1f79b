/**
 * A router and a node with a bridge for its pods, in namespaces:
 *
 *   router 192.0.2.1 ── 192.0.2.11 node 10.42.1.1 ── cni0 ── pods 10.42.1.2, …
 *          (uplink) ─────────── uplink ┘
 *
 * The router sends 203.0.113.0/24 to the node. The node's default route leads to the router by a link of its own, so
 * that what goes there is counted exactly: packets that met the node without a route.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inNamespace, run } from '../../../lab/network/command.ts';
import { addNamespace, ipBatch, netnsPath, removeNamespaces } from '../../../lab/network/namespaces.ts';
import { waitFor } from '../../../lab/wait.ts';
import { Program } from './program.ts';

export const vip = '203.0.113.1';
export const prefix = '203.0.113.0/28';

/** What the sender saw: answers by pod, and which pods answered each flow. */
export interface Sent {
  sent: number;
  answered: number;
  unanswered: number[];
  by: Record<string, number>;
  flows: Record<string, string[]>;
}

export interface PodFacts {
  address: string;
  state?: 'ready' | 'unready' | 'terminating';
  service?: string;
  prefixes?: string;
  created?: string;
}

export interface IpRoute {
  type?: string;
  dst: string;
  gateway?: string;
  dev?: string;
  protocol?: string;
  metric?: number;
  nexthops?: { gateway: string; dev: string; weight: number }[];
}

const here = import.meta.dirname;
const bundle = join(here, '../../../dist/node-router.js');
/** The lab's set-up makes the bundle anew, which starts in a third of the time; elsewhere it may be an old one. */
const fresh = process.env.LAB_RUN !== undefined && existsSync(bundle);
const main = fresh ? bundle : join(here, '../../../node-router/main.ts');
let sites = 0;

export class Site {
  readonly directory = mkdtempSync(join(tmpdir(), 'node-router-'));
  readonly node: string;
  readonly router: string;
  readonly #namespaces: string[] = [];
  readonly #programs: Program[] = [];
  readonly #name = `nr${process.pid}x${++sites}`;

  constructor() {
    this.node = `${this.#name}-node`;
    this.router = `${this.#name}-router`;
    mkdirSync(this.#pods);
  }

  get #pods(): string {
    return join(this.directory, 'pods');
  }

  get settingsFile(): string {
    return join(this.directory, 'node-router.yaml');
  }

  async build(): Promise<void> {
    await this.#add({
      name: this.router,
      links: [],
      ip: [
        'link add net type bridge',
        'address add 192.0.2.1/24 dev net',
        'link set net up',
        'route add 203.0.113.0/24 via 192.0.2.11',
        'route add 10.42.1.0/24 via 192.0.2.11',
        'route add 10.43.1.0/24 via 192.0.2.11',
      ],
      sysctls: { 'net.ipv4.ip_forward': 1 },
    });
    await this.#add({
      name: this.node,
      links: [{ into: this.router, bridge: 'net', port: 'node', name: 'eth0', address: '192.0.2.11/24' }],
      ip: [
        'link add cni0 type bridge',
        'address add 10.42.1.1/24 dev cni0',
        'link set cni0 up',
        `link add uplink type veth peer name uplink netns ${this.router}`,
        'address add 192.0.3.11/24 dev uplink',
        'link set uplink up',
        // no ARP, which would be counted too
        'neighbour add 192.0.3.1 lladdr 02:00:00:00:03:01 nud permanent dev uplink',
        'route add default via 192.0.3.1 onlink dev uplink',
      ],
      sysctls: { 'net.ipv4.ip_forward': 1, 'net.ipv4.fib_multipath_hash_policy': 1 },
    });
    await ipBatch(this.router, ['link set uplink up']);
    this.configure();
  }

  async #add(plan: Parameters<typeof addNamespace>[0]): Promise<void> {
    this.#namespaces.push(plan.name);
    await addNamespace(plan);
  }

  /** A pod on the bridge that answers at the VIP. */
  async addPod(name: string, address: string): Promise<void> {
    await this.#add({
      name: `${this.#name}-${name}`,
      links: [
        { into: this.node, bridge: 'cni0', port: `pod-${name}`, name: 'eth0', address: `${address}/24` },
      ],
      ip: ['route add default via 10.42.1.1', `address add ${vip}/32 dev lo`],
    });
    await this.#answer(name);
  }

  /** A pod on a link of its own with a route of its own, as Calico's and the ptp plugin's are. */
  async addPodOnItsOwnLink(name: string, address: string): Promise<void> {
    const namespace = `${this.#name}-${name}`;
    await this.#add({ name: namespace, links: [], ip: [`address add ${vip}/32 dev lo`] });
    await ipBatch(this.node, [
      `link add pod-${name} type veth peer name eth0 netns ${namespace}`,
      `link set pod-${name} up`,
      `route add ${address}/32 dev pod-${name} scope link`,
    ]);
    await ipBatch(namespace, [
      `address add ${address}/32 dev eth0`,
      'link set eth0 up',
      'route add 192.0.2.11/32 dev eth0',
      'route add default via 192.0.2.11 onlink dev eth0',
    ]);
    await this.#answer(name);
  }

  async #answer(name: string): Promise<void> {
    const echo = this.#start(`${this.#name}-${name}`, [
      process.execPath,
      join(here, 'udp.ts'),
      'echo',
      name,
      vip,
    ]);
    await echo.said('listening');
  }

  #start(namespace: string, command: string[], env: Record<string, string> = {}): Program {
    const program = new Program(namespace, command, env);
    this.#programs.push(program);
    return program;
  }

  /** Replaces the settings; `text` instead of them for what is not valid. */
  configure(changed: object = {}, text?: string): void {
    const settings = {
      allowedPrefixes: ['203.0.113.0/24'],
      blackholeSeconds: 1,
      pods: { source: 'files', files: { directory: this.#pods } },
      ...changed,
    };
    this.#replace(this.settingsFile, text ?? JSON.stringify(settings));
  }

  writePod(
    name: string,
    { address, state = 'ready', service = 'web', prefixes = prefix, created }: PodFacts,
  ): void {
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'default',
        labels: { 'portable-lb/service': service },
        annotations: { 'portable-lb/vip-prefixes': prefixes },
        ...(created === undefined ? {} : { creationTimestamp: created }),
        ...(state === 'terminating' ? { deletionTimestamp: '2026-11-21T10:00:00Z' } : {}),
      },
      spec: { nodeName: 'node-1', containers: [{ name: 'controller' }] },
      status: {
        phase: 'Running',
        podIP: address,
        conditions: [{ type: 'Ready', status: state === 'unready' ? 'False' : 'True' }],
      },
    };
    this.#replace(join(this.#pods, `${name}.json`), JSON.stringify(manifest));
  }

  /** Whatever text, in place, as a person's editor might. */
  scribblePod(name: string, text: string): void {
    writeFileSync(join(this.#pods, `${name}.json`), text);
  }

  removePod(name: string): void {
    rmSync(join(this.#pods, `${name}.json`));
  }

  #replace(path: string, text: string): void {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  startNodeRouter(wrapper: string[] = [], args: string[] = []): Program {
    const command = [...wrapper, process.execPath, main, '--settings', this.settingsFile, ...args];
    return this.#start(this.node, command, { NODE_NAME: 'node-1', NODE_IP: '192.0.2.11' });
  }

  async startSender(flows = 16): Promise<Program> {
    const sender = this.#start(this.router, [
      process.execPath,
      join(here, 'udp.ts'),
      'send',
      vip,
      String(flows),
    ]);
    await sender.said('sending');
    return sender;
  }

  /** Sends at least so many datagrams in all, then waits for the last answers. */
  async stopSender(sender: Program, atLeast = 300): Promise<Sent> {
    await sender.said(`sent ${atLeast}.`);
    await sender.end();
    const line = sender.output.split('\n').find((each) => each.startsWith('{')) ?? sender.output;
    return JSON.parse(line) as Sent;
  }

  ip(...args: string[]): Promise<string> {
    return run(['ip', '-n', this.node, ...args]);
  }

  /** The main table's routes of exactly this prefix, best first. */
  async routes(exactly = prefix): Promise<IpRoute[]> {
    return JSON.parse((await this.ip('-j', 'route', 'show', 'exact', exactly)) || '[]') as IpRoute[];
  }

  /** Waits until the routes of the prefix read so: `via A, B`, `blackhole`, foreign ones too, or nothing. */
  async sees(words: string, exactly = prefix, deadlineMs = 15_000): Promise<void> {
    await waitFor(
      `${exactly} ${words || 'without a route'}`,
      async () => {
        const seen = (await this.routes(exactly)).map(describeRoute).join(' | ');
        return seen === words || { notYet: seen || 'no route' };
      },
      { deadlineMs },
    );
  }

  /** Packets that met the node without a route and went back to the router. */
  async returned(): Promise<number> {
    const [link] = JSON.parse(await this.ip('-j', '-s', 'link', 'show', 'uplink')) as [
      { stats64: { tx: { packets: number } } },
    ];
    return link.stats64.tx.packets;
  }

  async readSysctl(name: string): Promise<string> {
    return (
      await run(inNamespace(netnsPath(this.node), ['cat', `/proc/sys/${name.replaceAll('.', '/')}`]))
    ).trim();
  }

  async setSysctl(name: string, value: string): Promise<void> {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`;
    await run(inNamespace(netnsPath(this.node), ['sh', '-c', `echo ${value} > ${path}`]));
  }

  /** Status and body of a path of the health server. */
  ask(path: string): Promise<string> {
    const ask = ['curl', '-s', '-w', ' %{http_code}', `http://192.0.2.11:9442${path}`];
    return run(inNamespace(netnsPath(this.node), ask));
  }

  async metric(name: string): Promise<number> {
    const line = (await this.ask('/metrics'))
      .split('\n')
      .find((each) => each.startsWith(`portable_lb_node_router_${name} `));
    return Number(line?.split(' ')[1]);
  }

  async cutPod(name: string): Promise<void> {
    await this.ip('link', 'del', `pod-${name}`);
  }

  /** Routes that come and go as fast as those of a BGP daemon on the node. */
  async stormOfRoutes(count: number): Promise<void> {
    const routes = Array.from({ length: count }, (_, n) => `blackhole 198.18.${n >> 8}.${n & 255}/32`);
    await ipBatch(this.node, [
      ...routes.map((route) => `route add ${route}`),
      ...routes.map((route) => `route del ${route}`),
    ]);
  }

  /** As it was after build(): for the next test. */
  async reset(): Promise<void> {
    for (const program of this.#programs.splice(0)) await program.end('SIGKILL');
    rmSync(this.#pods, { recursive: true });
    mkdirSync(this.#pods);
    await this.ip('route', 'flush', 'root', '203.0.113.0/24');
    await this.setSysctl('net.ipv4.fib_multipath_hash_policy', '1');
    this.configure();
  }

  async close(): Promise<void> {
    for (const program of this.#programs) await program.end('SIGKILL');
    await removeNamespaces(this.#namespaces);
    rmSync(this.directory, { recursive: true });
  }

  /** For the message of a failed test. */
  logs(): string {
    return this.#programs.map((program) => program.output).join('\n---\n');
  }

  readPod(name: string): string {
    return readFileSync(join(this.#pods, `${name}.json`), 'utf8');
  }
}

function describeRoute({ type, gateway, nexthops, metric, protocol }: IpRoute): string {
  const gateways = nexthops?.map((each) => each.gateway) ?? (gateway === undefined ? [] : [gateway]);
  const what = type === 'blackhole' ? 'blackhole' : `via ${gateways.join(', ')}`;
  const whose = protocol === '142' ? '' : ` proto ${protocol}`;
  return `${what}${metric === undefined || type === 'blackhole' ? '' : ` metric ${metric}`}${whose}`;
}
