import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  LabOptions,
  LbPodOptions,
  NodeRole,
  ReflectorOptions,
  RoleDescription,
  ServiceOptions,
} from './api.ts';
import { LabContext } from './context.ts';
import { connectLab } from './network/fabric.ts';
import { listNamespaces, removeNamespaces } from './network/namespaces.ts';
import { Client } from './roles/client.ts';
import { LabLbPod } from './roles/lb-pod.ts';
import { writeSite } from './roles/nginx.ts';
import { Node } from './roles/node.ts';
import { Reflector } from './roles/reflector.ts';
import type { BaseRole } from './roles/role.ts';
import { Router } from './roles/router.ts';
import { LabService } from './roles/service.ts';
import { stateRoot, sweepDeadLabs, writeOwner } from './sweep.ts';
import { waitFor } from './wait.ts';

export type * from './api.ts';
export { waitFor } from './wait.ts';

const openLabs = new Set<DataCentre>();

/** Opens an empty lab; `lab.close()` takes all of it away again. One at a time in a process. */
export async function openLab(options: LabOptions = {}): Promise<DataCentre> {
  if (openLabs.size > 0) throw new Error('a lab is open in this process already; call its close() first');
  await sweepDeadLabs();
  const runId = randomBytes(3).toString('hex');
  const stateDir = join(stateRoot, runId);
  const context = new LabContext({
    runId,
    runDir: options.runDir ?? join(process.env.LAB_RUN ?? '/tmp', `lab-${runId}`),
    stateDir,
    restartDelayMs: options.restartDelayMs ?? 10_000,
    log: options.log ?? (() => {}),
  });
  mkdirSync(join(context.runDir, 'logs'), { recursive: true });
  writeOwner(stateDir);
  for (const mountPoint of ['/etc/portable-lb', '/opt/portable-lb'])
    mkdirSync(mountPoint, { recursive: true });
  writeSite(join(stateDir, 'site'));
  const lab = new DataCentre(context);
  openLabs.add(lab);
  await connectLab(context);
  return lab;
}

/** Closes what is open: for the end of a program. */
export async function closeOpenLabs(): Promise<void> {
  await Promise.all([...openLabs].map((lab) => lab.close()));
}

export function openLabsNow(): DataCentre[] {
  return [...openLabs];
}

export class DataCentre {
  readonly clients: Client[] = [];
  readonly routers: Router[] = [];
  readonly reflectors: Reflector[] = [];
  readonly nodes: Node[] = [];
  readonly services: LabService[] = [];
  readonly lbPods: LabLbPod[] = [];
  readonly #context: LabContext;
  readonly #counts = { client: 0, router: 0, reflector: 0, node: 0 };
  readonly #lbPodsMade = new Map<LabService, number>();
  #closed: Promise<void> | undefined;

  constructor(context: LabContext) {
    this.#context = context;
    context.onDescribe = () => this.#writeDescription();
  }

  get runId(): string {
    return this.#context.runId;
  }

  get runDir(): string {
    return this.#context.runDir;
  }

  async addClient(): Promise<Client> {
    const client = await Client.create(this.#context, ++this.#counts.client);
    return this.#added(this.clients, client);
  }

  async addRouter({
    software = 'bird',
    callers = [],
  }: {
    software?: 'bird' | 'frr';
    callers?: readonly string[];
  } = {}): Promise<Router> {
    if (++this.#counts.router > 1) throw new Error('the lab has one router; open another lab for another');
    return this.#added(this.routers, await Router.create(this.#context, software, callers));
  }

  async addReflector(options: ReflectorOptions = {}): Promise<Reflector> {
    const reflector = await Reflector.create(this.#context, ++this.#counts.reflector, options);
    return this.#added(this.reflectors, reflector);
  }

  async addNode({ nodeRouter = 'runs' }: { nodeRouter?: 'runs' | 'absent' } = {}): Promise<Node> {
    return this.#added(this.nodes, await Node.create(this.#context, ++this.#counts.node, nodeRouter));
  }

  async addDataCentre(
    options: { nodes?: number; router?: 'bird' | 'frr'; reflectors?: ('bird' | 'gobgp')[] } = {},
  ): Promise<{ client: Client; router: Router; nodes: Node[] }> {
    const reflectors = options.reflectors ?? ['bird', 'bird'];
    const [client, router, nodes] = await Promise.all([
      this.addClient(),
      this.addRouter({ software: options.router ?? 'bird' }),
      Promise.all(Array.from({ length: options.nodes ?? 3 }, () => this.addNode())),
      Promise.all(reflectors.map((software) => this.addReflector({ software }))),
    ]);
    await router.waitForReflectors(reflectors.length);
    return { client, router, nodes };
  }

  service(options: ServiceOptions): LabService {
    const surroundings = {
      nodes: () => this.nodes,
      lbPods: () => this.lbPods,
      siteDir: join(this.#context.stateDir, 'site'),
      changed: () => this.#writeDescription(),
    };
    const service = new LabService(this.#context, surroundings, options);
    this.services.push(service);
    return service;
  }

  async addLbPod(options: LbPodOptions): Promise<LabLbPod> {
    const service = options.service as LabService;
    const node = (options.node as Node | undefined) ?? this.#emptiestNode(service);
    const number = (this.#lbPodsMade.get(service) ?? 0) + 1;
    this.#lbPodsMade.set(service, number);
    const pod = new LabLbPod(this.#context, `${service.name}-lb-${number}`, { ...options, service, node });
    this.lbPods.push(pod);
    await pod.create();
    this.#writeDescription();
    return pod;
  }

  #emptiestNode(service: LabService): Node {
    const load = (node: NodeRole) => {
      const here = this.lbPods.filter((pod) => pod.node === node && pod.state !== 'gone');
      return here.filter((pod) => pod.service === service).length * 100 + here.length;
    };
    const node = [...this.nodes].sort((a, b) => load(a) - load(b) || a.index - b.index)[0];
    if (node === undefined)
      throw new Error(`service ${service.name}: an LB pod needs a node; call lab.addNode() first`);
    return node;
  }

  #added<T extends BaseRole>(list: T[], role: T): T {
    list.push(role);
    list.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    this.#writeDescription();
    return role;
  }

  describe(): RoleDescription[] {
    const pods = this.lbPods.filter((pod) => pod.state !== 'gone');
    const servers = this.services.flatMap((service) => service.servers);
    const roles: BaseRole[] = [
      ...this.clients,
      ...this.routers,
      ...this.reflectors,
      ...this.nodes,
      ...pods,
      ...servers,
    ];
    return roles.map((role) => role.describe());
  }

  /** For `lab ls`, which is another process. */
  #writeDescription(): void {
    if (this.#context.closing) return;
    const description = { runId: this.runId, runDir: this.runDir, roles: this.describe() };
    writeFileSync(join(this.#context.stateDir, 'lab.json'), JSON.stringify(description));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#context.end();
      await removeNamespaces(listNamespaces(this.#context.prefix));
      await waitFor('the namespaces of the lab to be gone', () => {
        const left = listNamespaces(this.#context.prefix);
        return left.length === 0 || { notYet: left.join(', ') };
      });
      rmSync(this.#context.stateDir, { recursive: true, force: true });
    } finally {
      openLabs.delete(this);
    }
  }
}
