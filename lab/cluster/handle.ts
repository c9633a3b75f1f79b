import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientRole, RouterRole } from '../api.ts';
import { run } from '../network/command.ts';
import { waitFor } from '../wait.ts';
import type { Cluster, ClusterNode, CommandOptions, Explanation, KubernetesObject, Pod } from './api.ts';
import { type ApiClient, createApiClient, isMissing, objectOf } from './api-client.ts';
import { type ControlPlane, startApiServer } from './control-plane.ts';
import { explainCluster } from './explain.ts';
import { apiUrl, type ClusterPaths, controlPlane } from './plan.ts';
import type { Program } from './program.ts';

export interface Parts {
  paths: ClusterPaths;
  bin: string;
  databases: string;
  client: ClientRole;
  router: RouterRole;
  nodes: ClusterNode[];
  plane: ControlPlane;
  close(): Promise<void>;
}

const waitMs = 120_000;

/** What openCluster gives. */
export class Handle implements Cluster {
  readonly client: ClientRole;
  readonly router: RouterRole;
  readonly nodes: ClusterNode[];
  readonly api: ApiClient;
  readonly kubeconfig: string;
  readonly databases: string;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.client = parts.client;
    this.router = parts.router;
    this.nodes = parts.nodes;
    this.api = createApiClient(apiUrl, parts.paths.keys);
    this.kubeconfig = parts.paths.kubeconfig;
    this.databases = parts.databases;
  }

  get runDir(): string {
    return this.#parts.paths.runDir;
  }

  get etcd(): Program {
    return this.#parts.plane.etcd;
  }

  get apiServer(): Program {
    return this.#parts.plane.apiServer;
  }

  get controllerManager(): Program {
    return this.#parts.plane.controllerManager;
  }

  get scheduler(): Program {
    return this.#parts.plane.scheduler;
  }

  kubectl(args: string[], options: CommandOptions = {}): Promise<string> {
    return this.#tool('kubectl', args, options);
  }

  helm(args: string[], options: CommandOptions = {}): Promise<string> {
    return this.#tool('helm', args, { timeoutMs: 180_000, ...options });
  }

  helm3(args: string[], options: CommandOptions = {}): Promise<string> {
    return this.#tool('helm3', args, { timeoutMs: 180_000, ...options });
  }

  #tool(name: string, args: string[], options: CommandOptions): Promise<string> {
    const env = { KUBECONFIG: this.kubeconfig };
    return run([join(this.#parts.bin, name), ...args], { timeoutMs: waitMs, ...options, env });
  }

  async apply(manifest: string | object | object[]): Promise<void> {
    const list = (items: object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const input =
      typeof manifest === 'string' ? manifest : list(Array.isArray(manifest) ? manifest : [manifest]);
    await this.kubectl(['apply', '-f', '-'], { input });
  }

  async get<T = KubernetesObject>(
    resource: string,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> {
    const path = `${collection(resource, namespace)}/${name}`;
    const answer = await this.api.request('GET', path);
    return isMissing(answer) ? undefined : objectOf<T>(`GET ${path}`, answer);
  }

  async list<T = KubernetesObject>(resource: string, namespace: string, selector?: string): Promise<T[]> {
    const which = selector === undefined ? '' : `?labelSelector=${encodeURIComponent(selector)}`;
    return (await this.api.call<{ items: T[] }>('GET', `${collection(resource, namespace)}${which}`)).items;
  }

  async waitForPods(namespace: string, selector: string, count: number, deadlineMs = waitMs): Promise<Pod[]> {
    return waitFor(
      `${count} ready pods ${selector} in ${namespace}, and no others`,
      async () => {
        const items = await this.list<Pod>('pods', namespace, selector);
        const good = items.filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod));
        if (good.length === count && items.length === count) return good;
        return { notYet: items.map(describePod).join('; ') || 'no pods' };
      },
      { deadlineMs, everyMs: 100 },
    );
  }

  async waitForNodes(deadlineMs = waitMs): Promise<void> {
    await waitFor(
      'all nodes to be Ready',
      async () => {
        const { items } = await this.api.call<{ items: Pod[] }>('GET', '/api/v1/nodes');
        const notReady = items.filter((node) => !isReady(node));
        if (items.length === this.nodes.length && notReady.length === 0) return true;
        return {
          notYet: notReady
            .map(({ metadata, status }) => `${metadata.name}: ${readyMessage(status)}`)
            .join('; '),
        };
      },
      { deadlineMs, everyMs: 100 },
    );
  }

  async saveSnapshot(name: string): Promise<string> {
    const file = join(this.runDir, `${name}.snapshot`);
    rmSync(file, { force: true });
    const endpoint = `--endpoints=http://127.0.0.1:${controlPlane.etcdPort}`;
    await run([join(this.#parts.bin, 'etcdctl'), endpoint, 'snapshot', 'save', file], { timeoutMs: waitMs });
    return file;
  }

  async stopApiServer(): Promise<void> {
    const { apiServer, controllerManager, scheduler } = this.#parts.plane;
    await Promise.all([apiServer, controllerManager, scheduler].map((program) => program.stop('SIGKILL')));
  }

  startApiServer(): Promise<void> {
    return startApiServer(this.#parts.plane, this.#parts.paths);
  }

  /** https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#restoring-an-etcd-cluster */
  async restoreSnapshot(file: string): Promise<void> {
    const { plane, paths, bin } = this.#parts;
    await this.stopApiServer();
    await plane.etcd.stop('SIGKILL');
    const old = `${paths.etcd}.before`;
    rmSync(old, { recursive: true, force: true });
    if (existsSync(paths.etcd)) renameSync(paths.etcd, old);
    // Watchers hold revisions that the snapshot never had: a raised revision makes them list again.
    const raise = ['--bump-revision=1000000', '--mark-compacted'];
    await run([join(bin, 'etcdutl'), 'snapshot', 'restore', file, `--data-dir=${paths.etcd}`, ...raise]);
    plane.etcd.start();
    await this.startApiServer();
  }

  async freshNamespace(name: string, labels: Record<string, string> = {}): Promise<void> {
    await this.kubectl(['delete', 'namespace', name, '--ignore-not-found', '--timeout=120s'], {
      timeoutMs: 130_000,
    });
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    const path = `/api/v1/namespaces/${name}/serviceaccounts/default`;
    await waitFor(
      `namespace ${name} to be usable`,
      async () => (await this.api.request('GET', path)).status === 200,
    );
  }

  explain(): Promise<Explanation> {
    return explainCluster(this);
  }

  close(): Promise<void> {
    return this.#parts.close();
  }
}

/** Of resources that are not in the core group. */
const groups: Record<string, string> = { rolebindings: 'apis/rbac.authorization.k8s.io/v1' };

function collection(resource: string, namespace: string | undefined): string {
  const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/${groups[resource] ?? 'api/v1'}${place}/${resource}`;
}

function isReady({ status }: Pod): boolean {
  return (status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

function readyMessage(status: Pod['status']): string {
  return (status.conditions ?? []).find(({ type }) => type === 'Ready')?.message ?? 'not there yet';
}

function describePod({ metadata, spec, status }: Pod): string {
  const leaving = metadata.deletionTimestamp === undefined ? '' : ', leaving';
  const containers = (status.containerStatuses ?? [])
    .filter(({ ready }) => !ready)
    .map(({ name, state }) => `${name} ${JSON.stringify(state)}`);
  return `${metadata.name} on ${spec.nodeName ?? 'no node'}: ${status.phase}${leaving} ${containers.join(', ')}`;
}
