/** One release that the tests of failures break in every way, and the requests that it has to answer meanwhile. */
import type { LoadReport, RequestResult } from '../../../lab/api.ts';
import type { Cluster, ClusterNode, Pod } from '../../../lab/cluster/cluster.ts';
import { waitFor } from '../../../lab/wait.ts';
import { type LogLine, logLines } from '../log-lines.ts';
import { meets } from '../route-changes.ts';
import { openSite, type Site, testNamespace } from '../site.ts';

export const name = 'victim';
export const prefix = '203.0.113.112/28';
export const url = 'http://203.0.113.113/';
export const serverReplicas = 3;
/** One LB pod on each node. */
export const lbReplicas = 3;
const requestsPerSecond = 20;
/** After which the routes to a node that is dead go; a pod that dies alone is noticed at once. */
export const holdSeconds = 6;
/** Longer than BGP's hold time: what is sent to a dead node is sent again elsewhere when the route has gone. */
const requestTimeoutMs = 20_000;
/** From the moment when a route changes in the kernel to that at which we have read it, and a request's way. */
const nearMs = 500;

export interface Victim {
  readonly site: Site;
  readonly cluster: Cluster;
  /** Ready ones. */
  pods(deadlineMs?: number): Promise<Pod[]>;
  podOn(node: ClusterNode | undefined): Promise<Pod>;
  /** Processes of a pod, on its node. */
  processes(pod: Pod): Promise<PodProcess[]>;
  /** kill -9 of one; gives it. The pattern has to fit exactly one, or the one whose parent does not fit. */
  kill(pod: Pod, pattern: RegExp, which?: 'only' | 'parent' | 'child'): Promise<PodProcess>;
  /** Until its log has a line since the container was started last; gives it. */
  logged(pod: Pod, container: 'controller' | 'bgp-sidecar', pattern: RegExp, since?: Date): Promise<LogLine>;
  /** Requests for as long as the body takes. */
  underLoad(body: () => Promise<void>): Promise<Traffic>;
}

export interface PodProcess {
  pid: number;
  parent: number;
  command: string;
}

export interface Traffic extends LoadReport {
  /** Changes of the router's next-hops meanwhile, each a time. */
  routeChangesAtMs: number[];
  /** Failed, and not because the router moved their flow to another LB pod, which NAT does not survive. */
  strays: RequestResult[];
}

let opened: Promise<Victim> | undefined;

/** The same for every file of a run: what it costs to install is paid once. */
export async function openVictim(): Promise<Victim> {
  const site = await openSite();
  opened ??= open(site);
  return opened;
}

/** When the last of these files is done: three LB pods less for the nodes to carry. */
export async function closeVictim(): Promise<void> {
  if (opened === undefined) return;
  const { site, cluster } = await opened;
  opened = undefined;
  await site.uninstallLb(name);
  await cluster.kubectl(['delete', 'deployment,service', name, '-n', testNamespace]);
}

async function open(site: Site): Promise<Victim> {
  const { cluster } = site;
  const values = { bgp: { holdSeconds } };
  const release = { name, service: name, prefixes: [prefix], replicas: lbReplicas, values };
  await Promise.all([site.deployServers(name, serverReplicas), site.installLb(release)]);
  const victim = createVictim(site);
  await cluster.waitForPods(testNamespace, `app=${name}`, serverReplicas, 120_000);
  await victim.pods();
  await cluster.router.waitForNextHops(
    prefix,
    cluster.nodes.map(({ address }) => address),
  );
  return victim;
}

function createVictim(site: Site): Victim {
  const { cluster } = site;
  const pods = (deadlineMs = 120_000) => site.lbPods(name, lbReplicas, deadlineMs);
  const nodeOf = (pod: Pod) => {
    const found = cluster.nodes.find((node) => node.name === pod.spec.nodeName);
    if (found === undefined) throw new Error(`${pod.metadata.name} is on no node`);
    return found;
  };

  const processes = async (pod: Pod): Promise<PodProcess[]> => {
    const script = `for file in $(grep -l pod${pod.metadata.uid} /proc/[0-9]*/cgroup 2>/dev/null); do
      folder=\${file%/cgroup}
      parent=$(sed 's/.*) . //; s/ .*//' $folder/stat)
      printf '%s %s %s\\n' \${folder#/proc/} "$parent" "$(tr '\\0' ' ' < $folder/cmdline)"
    done 2>/dev/null`;
    const text = await nodeOf(pod).exec(['sh', '-c', script]);
    return text.split('\n').flatMap((line) => {
      const [, pid, parent, command] = /^(\d+) (\d+) (.+)$/.exec(line) ?? [];
      return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
    });
  };

  return {
    site,
    cluster,
    pods,
    processes,

    async podOn(node) {
      const found = (await pods()).find(({ spec }) => spec.nodeName === node?.name);
      if (found === undefined) throw new Error(`no LB pod is on ${node?.name}`);
      return found;
    },

    async kill(pod, pattern, which = 'only') {
      const victim = await waitFor(
        `one process of ${pod.metadata.name} to be ${pattern}`,
        async () => {
          const all = await processes(pod);
          const fitting = all.filter(({ command }) => pattern.test(command));
          const isChild = ({ parent }: PodProcess) => fitting.some(({ pid }) => pid === parent);
          const meant =
            which === 'only' ? fitting : fitting.filter((each) => isChild(each) === (which === 'child'));
          const [only] = meant;
          return only !== undefined && meant.length === 1
            ? only
            : { notYet: all.map(({ command }) => command).join('; ') };
        },
        { deadlineMs: 60_000, everyMs: 200 },
      );
      await nodeOf(pod).exec(['kill', '-9', String(victim.pid)]);
      return victim;
    },

    logged: (pod, container, pattern, since) =>
      waitFor(
        `${pattern} in the log of ${pod.metadata.name} ${container}`,
        async () => {
          const text = await site.log(pod, container);
          const new_ = logLines(text).filter(({ time }) => since === undefined || new Date(time) >= since);
          return new_.find(({ msg }) => pattern.test(msg)) ?? { notYet: text.slice(-3_000) };
        },
        { deadlineMs: 60_000, everyMs: 200 },
      ),

    async underLoad(body) {
      const startedAtMs = performance.now();
      const load = await cluster.client.startLoad({
        urls: [url],
        ratePerSecond: requestsPerSecond,
        timeoutMs: requestTimeoutMs,
      });
      let report: LoadReport;
      try {
        await body();
      } finally {
        report = await load.stop();
      }
      const routeChangesAtMs = cluster.router
        .history(prefix)
        .map(({ atMs }) => atMs)
        .filter((atMs) => atMs >= startedAtMs);
      const isMoved = (result: RequestResult) => meets(result, routeChangesAtMs, nearMs);
      return { ...report, routeChangesAtMs, strays: report.failed.filter((each) => !isMoved(each)) };
    },
  };
}

/** In a few words, for an assertion's message. */
export function describeFailed(traffic: Traffic): string {
  const [first] = traffic.failed;
  return `${traffic.results.length} requests, ${traffic.failed.length} failed (${traffic.strays.length} away from any route change), longest gap ${Math.round(traffic.longestGapMs)} ms, ${traffic.routeChangesAtMs.length} route changes${first ? `; first: ${first.error ?? first.status}` : ''}`;
}
