import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoint, NodeRole, ServerPod, ServiceOptions, ServicePort, ServiceRole } from '../api.ts';
import { replaceFile } from '../containers/mounted-config.ts';
import type { LabContext } from '../context.ts';
import { addressIn } from '../network/plan.ts';
import { type ServiceFacts, serviceManifest, slicesManifest, targetPortNumber } from './endpoint-slices.ts';
import type { LabLbPod } from './lb-pod.ts';
import { mergeSettings } from './lb-settings.ts';
import type { Node } from './node.ts';
import { Server } from './server-pod.ts';

/** What a service needs to know of its lab. */
export interface ServiceSurroundings {
  nodes(): Node[];
  lbPods(): LabLbPod[];
  siteDir: string;
  /** Servers came or went. */
  changed(): void;
}

/** A Kubernetes Service as a directory of manifests, with the servers behind it. */
export class LabService implements ServiceRole {
  readonly name: string;
  readonly namespace: string;
  readonly prefixes: string[];
  readonly manifestsDir: string;
  readonly servers: Server[] = [];
  ports: ServicePort[];
  settings: Record<string, unknown>;
  /** Templates that its LB pods have now, for those that come later. */
  readonly templates: Record<string, string | undefined> = {};
  readonly #namedPorts: Record<string, number>;
  readonly #context: LabContext;
  readonly #surroundings: ServiceSurroundings;
  #override: Endpoint[] | undefined;
  #endpointsPerSlice = 100;
  #serversMade = 0;

  constructor(context: LabContext, surroundings: ServiceSurroundings, options: ServiceOptions) {
    if (!/^[a-z][a-z0-9-]{0,9}$/.test(options.name)) {
      throw new Error(`service ${options.name}: the lab takes names of 1 to 10 of a-z, 0-9 and -`);
    }
    this.#context = context;
    this.#surroundings = surroundings;
    this.name = options.name;
    this.namespace = options.namespace ?? 'default';
    this.prefixes = options.prefixes;
    this.ports = options.ports;
    this.#namedPorts = options.namedPorts ?? {};
    this.settings = options.settings ?? {};
    this.manifestsDir = join(context.stateDir, `service-${options.name}`, 'manifests');
    mkdirSync(this.manifestsDir, { recursive: true });
    replaceFile(this.manifestsDir, 'service.yaml', serviceManifest(this.#facts));
    this.#writeSlices();
  }

  get #facts(): ServiceFacts {
    const { name, namespace, prefixes, ports } = this;
    return { name, namespace, prefixes, ports, namedPorts: this.#namedPorts };
  }

  url(nth = 1, options: { port?: number; path?: string; prefix?: string } = {}): string {
    const address = addressIn(options.prefix ?? this.prefixes[0] ?? '', nth);
    const port = options.port ?? this.ports.find((each) => each.protocol !== 'UDP')?.port ?? 80;
    return `http://${address}:${port}${options.path ?? '/'}`;
  }

  async setServers(count: number): Promise<ServerPod[]> {
    const surplus = this.servers.slice(count);
    const missing = Math.max(0, count - this.servers.length);
    // Out of the slices in one change, as when a deployment is scaled; then each is removed.
    this.#forget(surplus);
    await Promise.all([...surplus.map((server) => server.remove()), this.#addServers(missing)]);
    return [...this.servers];
  }

  async addServer(node?: NodeRole): Promise<ServerPod> {
    const [server] = await this.#addServers(1, node as Node | undefined);
    return server as ServerPod;
  }

  /** All of them are in the slices at one moment, as when a deployment is scaled. */
  async #addServers(count: number, wanted?: Node): Promise<Server[]> {
    if (count === 0) return [];
    const nodes = this.#surroundings.nodes();
    const made = await Promise.all(
      Array.from({ length: count }, async () => {
        const number = ++this.#serversMade;
        const node = wanted ?? nodes[(number - 1) % nodes.length];
        if (node === undefined)
          throw new Error(`service ${this.name}: a server needs a node; call lab.addNode() first`);
        const place = {
          name: `${this.name}-srv-${number}`,
          node,
          address: node.nextPodAddress(),
          siteDir: this.#surroundings.siteDir,
        };
        const server = new Server(this.#context, place, {
          ports: () => this.#serverPorts(),
          changed: async () => this.#writeSlices(),
          gone: async (gone) => this.#forget([gone]),
        });
        await server.create(place);
        return server;
      }),
    );
    this.servers.push(...made);
    this.#surroundings.changed();
    this.#writeSlices();
    return made;
  }

  #serverPorts(): { tcp: number[]; udp: number[] } {
    const numbers = (protocol: 'TCP' | 'UDP') => [
      ...new Set(
        this.ports
          .filter((port) => (port.protocol ?? 'TCP') === protocol)
          .map((port) => targetPortNumber(this.#facts, port)),
      ),
    ];
    return { tcp: numbers('TCP'), udp: numbers('UDP') };
  }

  #forget(gone: Server[]): void {
    const known = gone.filter((server) => this.servers.includes(server));
    if (known.length === 0) return;
    for (const server of known) this.servers.splice(this.servers.indexOf(server), 1);
    this.#surroundings.changed();
    this.#writeSlices();
  }

  #writeSlices(): void {
    const endpoints = this.#override ?? this.servers.map((server) => server.endpoint);
    replaceFile(
      this.manifestsDir,
      'slices.yaml',
      slicesManifest(this.#facts, endpoints, this.#endpointsPerSlice),
    );
  }

  async setPorts(ports: ServicePort[]): Promise<void> {
    this.ports = ports;
    await Promise.all(this.servers.map((server) => server.followPorts()));
    replaceFile(this.manifestsDir, 'service.yaml', serviceManifest(this.#facts));
    this.#writeSlices();
  }

  async setEndpoints(endpoints: Endpoint[] | undefined): Promise<void> {
    this.#override = endpoints;
    this.#writeSlices();
  }

  async setSliceSize(endpointsPerSlice: number): Promise<void> {
    this.#endpointsPerSlice = endpointsPerSlice;
    this.#writeSlices();
  }

  async writeManifest(fileName: string, text: string | undefined): Promise<void> {
    replaceFile(this.manifestsDir, fileName, text);
  }

  async updateSettings(change: Record<string, unknown>): Promise<void> {
    this.settings = mergeSettings(this.settings, change);
    await Promise.all(this.#pods.map((pod) => pod.updateSettings({})));
  }

  async updateTemplates(files: Record<string, string | undefined>): Promise<void> {
    Object.assign(this.templates, files);
    for (const pod of this.#pods) pod.writeTemplates(files);
  }

  get #pods() {
    return this.#surroundings.lbPods().filter((pod) => pod.service === this && pod.state !== 'gone');
  }
}
