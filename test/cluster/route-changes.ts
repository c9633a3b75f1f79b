/** When routes to a prefix changed, at the router and on the nodes, and how many of the flows each change moved. */
import type { LoadReport, RequestResult } from '../../lab/api.ts';
import type { Cluster, Pod } from '../../lab/cluster/cluster.ts';
import { platformNamespace } from './site.ts';

export interface Change {
  where: string;
  atMs: number;
  before: string[];
  after: string[];
  /** Of all flows, 0 to 1. */
  moved: number;
}

/** How exactly logs and clocks of several machines tell the time of a change. */
const leewayMs = 100;

export async function routeChanges(cluster: Cluster, prefix: string, sinceMs: number): Promise<Change[]> {
  const history = cluster.router.history(prefix);
  const atRouter = history.map(({ atMs, nextHops }, i, all) =>
    changeOf('router', atMs, all[i - 1]?.nextHops ?? [], nextHops, 1),
  );
  const shareAt = (ms: number) =>
    1 / Math.max(1, history.findLast(({ atMs }) => atMs <= ms)?.nextHops.length ?? 1);
  const onNodes = (await nodeRouterLines(cluster, sinceMs))
    .filter((line) => line.event === 'route' && line.prefix === prefix)
    .map(({ node, time, before, via }) => {
      const atMs = Date.parse(time) - performance.timeOrigin;
      return changeOf(node, atMs, before, via, shareAt(atMs));
    });
  return [...atRouter, ...onNodes].filter(({ atMs }) => atMs >= sinceMs).sort((a, b) => a.atMs - b.atMs);
}

function changeOf(where: string, atMs: number, before: string[], after: string[], share: number): Change {
  return { where, atMs, before, after, moved: share * shareMoved([...before].sort(), [...after].sort()) };
}

/**
 * Linux gives each next-hop an equal part of the hash's range, in their order (net/ipv4/fib_semantics.c,
 * fib_rebalance): flows stay whose part still belongs to the same next-hop.
 */
export function shareMoved(before: string[], after: string[]): number {
  let stay = 0;
  for (const [i, nextHop] of before.entries()) {
    const j = after.indexOf(nextHop);
    if (j < 0) continue;
    const end = Math.min((i + 1) / before.length, (j + 1) / after.length);
    stay += Math.max(0, end - Math.max(i / before.length, j / after.length));
  }
  return before.length === 0 ? 0 : 1 - stay;
}

interface Line {
  node: string;
  event: string;
  time: string;
  prefix: string;
  via: string[];
  before: string[];
}

async function nodeRouterLines(cluster: Cluster, sinceMs: number): Promise<Line[]> {
  const selector = 'app.kubernetes.io/component=node-router';
  const pods = await cluster.list<Pod>('pods', platformNamespace, selector);
  const since = new Date(performance.timeOrigin + sinceMs).toISOString();
  const texts = await Promise.all(
    pods.map(async ({ metadata, spec }) => {
      const text = await cluster.kubectl([
        ...['logs', '-n', platformNamespace, metadata.name, `--since-time=${since}`],
      ]);
      const lines = text.split('\n').filter((line) => line.startsWith('{'));
      return lines.map((line): Line => ({ node: spec.nodeName, ...JSON.parse(line) }));
    }),
  );
  return texts.flat();
}

/** Whether one of these moments lies within the request, or so near that clocks cannot tell. */
export function meets(
  { startedAtMs, durationMs }: RequestResult,
  momentsMs: readonly number[],
  leewayMs: number,
): boolean {
  return momentsMs.some(
    (atMs) => startedAtMs - leewayMs <= atMs && atMs <= startedAtMs + durationMs + leewayMs,
  );
}

/** Failed requests, by whether a route changed while they were under way. */
export function sortFailures(
  report: LoadReport,
  changes: Change[],
): { atChanges: RequestResult[]; otherwise: string[]; underWay: number } {
  const momentsMs = changes.map(({ atMs }) => atMs);
  const isMet = (result: RequestResult) => meets(result, momentsMs, leewayMs);
  const [met, others] = [report.failed.filter(isMet), report.failed.filter((result) => !isMet(result))];
  return {
    atChanges: met,
    otherwise: others.map(describeRequest),
    underWay: report.results.filter(isMet).length,
  };
}

function describeRequest({ startedAtMs, durationMs, error, status }: RequestResult): string {
  const at = new Date(performance.timeOrigin + startedAtMs).toISOString();
  return `${at}: ${error ?? `status ${status}`} after ${Math.round(durationMs)} ms`;
}
