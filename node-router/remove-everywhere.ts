/**
 * `--remove-routes-of`: the routes of every node, before the DaemonSet is deleted. Its pods are restarted as ones that
 * remove and stay, since a stop cannot tell an update, which must leave the routes, from the end.
 */
import type { V1DaemonSet, V1Pod } from '@kubernetes/client-node';
import type { KubernetesClient } from '../common/kubernetes/client.ts';
import type { Logger } from '../common/log.ts';
import { Problem, reasonOf } from '../common/problem.ts';
import { problems } from './errors.ts';

/** Of the chart's DaemonSet. */
const containerName = 'node-router';
const usual = { lookMs: 500, deadlineMs: 120_000 };

/** Each field is one that the chart always renders: a rollback puts back those and no others. */
export const removalPatch = {
  spec: {
    // all at once: there is nothing that one must wait for another
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%', maxSurge: 0 } },
    template: {
      spec: { containers: [{ name: containerName, args: ['--remove-routes', '--stay'] }] },
    },
  },
};

/** Resolves to the exit code. Throws a Problem that names the nodes where routes may be left. */
export async function removeEverywhere(
  client: KubernetesClient,
  daemonSet: string,
  log: Logger,
  { lookMs, deadlineMs } = usual,
): Promise<number> {
  const [namespace = '', name = ''] = daemonSet.split('/');
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/${name}`;
  const endsAtMs = performance.now() + deadlineMs;
  let told = '';
  const tell = (message: string) => {
    if (message !== told) log.info('remove-routes', { daemonSet }, message);
    told = message;
  };
  for (let state: Progress = { isPatched: false, message: '', left: [] }; ; ) {
    state = await advance(client, path, namespace, state).catch((error: unknown) => {
      if (error instanceof Problem) throw error;
      return { ...state, message: `${reasonOf(error)}; it is tried again` };
    });
    tell(state.message);
    if (state.isDone) return 0;
    if (performance.now() > endsAtMs)
      throw problems.ROUTES_LEFT(deadlineMs / 1_000, state.left, state.message);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

interface Progress {
  readonly isPatched: boolean;
  readonly isDone?: boolean;
  readonly message: string;
  /** the nodes that have not removed their routes */
  readonly left: readonly string[];
}

/** One step: tells the DaemonSet, then looks at its pods. */
async function advance(
  client: KubernetesClient,
  path: string,
  namespace: string,
  before: Progress,
): Promise<Progress> {
  if (!before.isPatched) {
    const contentType = 'application/strategic-merge-patch+json';
    const { status, body } = await client.request({ method: 'PATCH', path, body: removalPatch, contentType });
    if (status === 404)
      return { ...before, isDone: true, message: 'there is no such DaemonSet: nothing to do' };
    if (status === 401 || status === 403 || status === 422)
      throw problems.REMOVAL_REFUSED(path, wordsOf(status, body));
    if (status >= 300) throw new Error(wordsOf(status, body));
    return { isPatched: true, message: 'the DaemonSet is told to remove its routes on every node', left: [] };
  }
  const set = (await read(client, path)) as V1DaemonSet;
  if ((set.status?.observedGeneration ?? 0) < (set.metadata?.generation ?? 0))
    return { ...before, message: 'the DaemonSet controller has not seen it yet' };
  const labels = Object.entries(set.spec?.selector.matchLabels ?? {}).map((pair) => pair.join('='));
  const pods = (await read(client, `/api/v1/namespaces/${namespace}/pods`, {
    labelSelector: labels.join(','),
  })) as { items: V1Pod[] };
  const wanted = set.status?.desiredNumberScheduled ?? 0;
  const done = new Set(pods.items.filter(hasRemoved).map(nodeOf));
  const left = [...new Set(pods.items.map(nodeOf))].filter((node) => !done.has(node)).sort();
  const message = `${done.size} of ${wanted} nodes have removed their routes`;
  return { isPatched: true, isDone: left.length === 0 && done.size >= wanted, message, left };
}

async function read(
  client: KubernetesClient,
  path: string,
  query: Record<string, string> = {},
): Promise<unknown> {
  const { status, body } = await client.request({ path, query });
  if (status !== 200) throw new Error(wordsOf(status, body));
  return body;
}

function nodeOf({ spec }: V1Pod): string {
  return spec?.nodeName ?? 'no node';
}

function hasRemoved({ metadata, spec, status }: V1Pod): boolean {
  const args = spec?.containers.find(({ name }) => name === containerName)?.args ?? [];
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return ready && args.includes('--remove-routes') && metadata?.deletionTimestamp === undefined;
}

function wordsOf(status: number, body: unknown): string {
  const message = (body as { message?: unknown } | null)?.message;
  return `the API server answers ${status}${typeof message === 'string' ? `: ${message}` : ''}`;
}
