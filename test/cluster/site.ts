/**
 * What all tests of the pair in the cluster have in common: the platform (node router and reflectors), releases of the
 * chart portable-lb, servers behind them. The platform is installed once and stays for the files that come after.
 */
import { join } from 'node:path';
import { type Cluster, openCluster, type Pod } from '../../lab/cluster/cluster.ts';
import { checkout } from '../../lab/kernel/places.ts';
import { fabric, nodeAddresses, podAddresses } from '../../lab/network/plan.ts';
import { waitFor } from '../../lab/wait.ts';
import { servers } from './manifests.ts';

export const platformNamespace = 'lb-platform';
export const testNamespace = 'lb-test';
/** What the platform allows; each test takes prefixes of its own out of it. */
const vipRange = '203.0.113.0/24';
/** For what takes seconds on an idle machine. */
export const patientMs = 240_000;
const localAS = 64512;
/**
 * Kubernetes' endpoint slice controller tries again after a second or more when its cache is behind ("EndpointSlice
 * informer cache is out of date"): until then nobody can know that a server leaves.
 */
const leaveSeconds = 6;

export interface LbRelease {
  name: string;
  /** By name, or as the chart has it: `{ loadBalancerClass }`, `{ ingressClassName }`. */
  service: string | { loadBalancerClass: string } | { ingressClassName: string };
  prefixes: string[];
  replicas?: number;
  namespace?: string;
  /** Default: version 4. */
  helm?: 'helm' | 'helm3';
  /** Over those of the tests, which shorten what takes time. */
  values?: Record<string, unknown>;
}

export interface Site {
  readonly cluster: Cluster;
  /** helm upgrade --install; resolves when helm does, with its output: by then no pod need be ready. */
  installLb(release: LbRelease, ...helmArgs: string[]): Promise<string>;
  /** helm uninstall of those that are there; waits until their pods are gone. */
  uninstallLb(...names: string[]): Promise<void>;
  /** Ready LB pods of a release, and no others. */
  lbPods(name: string, count: number, deadlineMs?: number): Promise<Pod[]>;
  /** Deployment of the lab's nginx and its Service of the same name. Does not wait. */
  deployServers(name: string, replicas: number, service?: object): Promise<void>;
  scale(deployment: string, replicas: number): Promise<void>;
  /** Addresses of the nodes that run these pods: the router's next-hops. */
  nodesOf(pods: Pod[]): string[];
  /** What `kubectl logs` gives, without starting it. */
  log(pod: Pod | string, container: 'controller' | 'bgp-sidecar'): Promise<string>;
  execIn(pod: Pod | string, container: string, command: string[]): Promise<string>;
  /** kubectl with these arguments until what it says matches; gives that. */
  untilSaid(pattern: RegExp, args: string[], deadlineMs?: number): Promise<string>;
  /** A request from the client until it is answered; gives when it was begun and what it got. */
  untilAnswered(url: string, deadlineMs?: number): Promise<Answer>;
}

export interface Answer {
  atMs: number;
  server: string;
  from: string;
}

let opened: Promise<Site> | undefined;

/** The cluster with the platform on it, and a namespace for tests. The same for every caller in a process. */
export async function openSite(): Promise<Site> {
  opened ??= open();
  const site = await opened;
  await installPlatform(site.cluster);
  return site;
}

async function open(): Promise<Site> {
  const cluster = await openCluster();
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: testNamespace } };
  await Promise.all([installPlatform(cluster), cluster.apply(namespace)]);
  return createSite(cluster);
}

/** Where LB pods peer. */
const peers = [{ host: `route-reflector.${platformNamespace}.svc` }];

const chart = (name: string) => join(checkout, 'charts', name);

const platformReleases = {
  'node-router': { allowedPrefixes: [vipRange], blackholeSeconds: 1 },
  'route-reflector': {
    bgp: {
      localAS,
      podCIDRs: [podAddresses],
      nodeCIDRs: [nodeAddresses],
      allowedPrefixes: [vipRange],
      routers: [{ address: fabric.router }],
    },
  },
};

let platform: Promise<unknown> | undefined;

/** Does nothing when it is there already. */
function installPlatform(cluster: Cluster): Promise<unknown> {
  platform ??= (async () => {
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: platformNamespace } });
    // A process that tested in this cluster before may have installed it.
    const there = await cluster.helm(['list', '-n', platformNamespace, '--deployed', '--short']);
    const releases = Object.entries(platformReleases).filter(([name]) => !there.split('\n').includes(name));
    return Promise.all(
      releases.map(([name, values]) =>
        helmInstall(cluster, name, name, platformNamespace, values, ['--wait', '--timeout', '200s']),
      ),
    );
  })();
  return platform;
}

/** For a test that brings a platform of its own. */
export async function removePlatform(cluster: Cluster): Promise<void> {
  platform = undefined;
  await Promise.all(
    Object.keys(platformReleases).map((name) =>
      cluster.helm(['uninstall', name, '-n', platformNamespace, '--ignore-not-found', '--wait']),
    ),
  );
}

function helmInstall(
  cluster: Cluster,
  name: string,
  chartName: string,
  namespace: string,
  values: object,
  args: string[],
  helm: 'helm' | 'helm3' = 'helm',
): Promise<string> {
  const command = ['upgrade', '--install', name, chart(chartName), '-n', namespace, '-f', '-', ...args];
  return cluster[helm](command, { input: JSON.stringify(values), timeoutMs: patientMs });
}

function createSite(cluster: Cluster): Site {
  const namespace = testNamespace;
  const selectorOf = (name: string) => `app.kubernetes.io/instance=${name},app.kubernetes.io/component=lb`;
  const nameOf = (pod: Pod | string) => (typeof pod === 'string' ? pod : pod.metadata.name);
  return {
    cluster,

    installLb(
      { name, service, prefixes, replicas, namespace: place = namespace, helm, values = {} },
      ...args
    ) {
      const given = {
        service: typeof service === 'string' ? { name: service } : service,
        vip: { prefixes },
        bgp: { localAS, peers },
        ...(replicas !== undefined && { replicaCount: replicas }),
        healthCheck: { connectTimeoutSeconds: 2, delayLoopSeconds: 1 },
        drain: { seconds: 3 },
        rollout: { minReadySeconds: 1 },
        lease: { holdDownSeconds: 1 },
        // a machine that is shared by many must not look like a container that hangs
        probes: { readiness: { timeoutSeconds: 5 }, liveness: { timeoutSeconds: 10, failureThreshold: 30 } },
      };
      return helmInstall(cluster, name, 'portable-lb', place, mergeValues(given, values), args, helm);
    },

    async uninstallLb(...names) {
      await Promise.all(
        names.map((name) => cluster.helm(['uninstall', name, '-n', namespace, '--ignore-not-found'])),
      );
      await Promise.all(names.map((name) => cluster.waitForPods(namespace, selectorOf(name), 0, patientMs)));
    },

    lbPods: (name, count, deadlineMs) =>
      cluster.waitForPods(namespace, selectorOf(name), count, deadlineMs ?? patientMs),

    deployServers: (name, replicas, service) =>
      cluster.apply(servers({ namespace, name, replicas, leaveSeconds, ...(service && { service }) })),

    async scale(deployment, replicas) {
      await cluster.kubectl(['scale', 'deployment', deployment, '-n', namespace, `--replicas=${replicas}`]);
    },

    nodesOf: (pods) => [...new Set(pods.map(({ status }) => status.hostIP ?? ''))].sort(),

    async log(pod, container) {
      const path = `/api/v1/namespaces/${namespace}/pods/${nameOf(pod)}/log?container=${container}`;
      const { status, text } = await cluster.api.request('GET', path);
      if (status !== 200) throw new Error(`no log of ${nameOf(pod)} ${container}: ${status} ${text}`);
      return text;
    },

    execIn: (pod, container, command) =>
      cluster.kubectl(['exec', '-n', namespace, nameOf(pod), '-c', container, '--', ...command]),

    untilSaid: (pattern, args, deadlineMs = patientMs) =>
      waitFor(
        `${pattern} in kubectl ${args.join(' ')}`,
        async () => {
          const text = await cluster.kubectl(args);
          return pattern.test(text) ? text : { notYet: text.slice(-3_000) };
        },
        { deadlineMs, everyMs: 1_000 },
      ),

    untilAnswered: (url, deadlineMs = patientMs) =>
      waitFor<Answer>(
        `an answer from ${url}`,
        async () => {
          const {
            startedAtMs: atMs,
            status,
            error,
            server,
            from,
          } = await cluster.client.get(url, {
            timeoutMs: 500,
          });
          if (status === 200) return { atMs, server, from };
          return { notYet: error ?? `status ${status}` };
        },
        { deadlineMs },
      ),
  };
}

/** Objects into each other, as helm merges values. */
function mergeValues(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isObject(before) && isObject(value) ? mergeValues(before, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
