/**
 * `--remove-routes-of`: the routes of every node, before the DaemonSet is deleted. Its pods are restarted as ones that
 * remove and stay, since a stop cannot tell an update, which must leave the routes, from the end.
 */
import type { V1DaemonSet, V1Pod } from '@kubernetes/client-node';
import type { KubernetesClient } from '../common/kubernetes/client.ts';
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import { problems } from './errors.ts';

/** Of the chart's DaemonSet. */
const containerName = 'node-router';
const usual = { lookMs: 500, deadlineMs: 120_000 };

const patch = {
  spec: {
    // all at once: there is nothing that one must wait for another
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%', maxSurge: 0 } },
    template: {
      spec: { containers: [{ name: containerName, args: ['--remove-routes', '--stay'] }] },
    },
  },
};

/** Resolves to the exit code. */
export async function removeEverywhere(
  client: KubernetesClient,
  daemonSet: string,
  log: Logger,
  { lookMs, deadlineMs } = usual,
): Promise<number> {
  const [namespace, name] = daemonSet.split('/');
  const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/${name}`;
  const patched = await client.request({
    method: 'PATCH',
    path,
    body: patch,
    contentType: 'application/strategic-merge-patch+json',
  });
  if (patched.status === 404) {
    log.info('remove-routes', { daemonSet }, `there is no DaemonSet ${daemonSet}: nothing to do`);
    return 0;
  }
  if (patched.status >= 300) throw problems.REMOVAL_REFUSED(daemonSet, wordsOf(patched));
  log.info('remove-routes', { daemonSet }, `DaemonSet ${daemonSet} is to remove its routes on every node`);

  const endsAtMs = performance.now() + deadlineMs;
  for (let seen = ''; ; ) {
    const progress = await look(client, path).catch((error: unknown) => reasonOf(error));
    if (progress === 'done') break;
    if (progress !== seen) log.info('remove-routes', { daemonSet }, progress);
    seen = progress;
    if (performance.now() > endsAtMs) {
      const nodes = await nodesLeft(client, `${namespace}`, patched.body as V1DaemonSet);
      throw problems.ROUTES_LEFT(deadlineMs / 1_000, nodes);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  log.info('remove-routes', { daemonSet }, 'no node has a route of the node router any more');
  return 0;
}

async function look(client: KubernetesClient, path: string): Promise<string> {
  const answer = await client.request({ path });
  if (answer.status !== 200) return wordsOf(answer);
  const { metadata, status } = answer.body as V1DaemonSet;
  if (status === undefined || (status.observedGeneration ?? 0) < (metadata?.generation ?? 0))
    return 'the DaemonSet controller has not seen it yet';
  const { desiredNumberScheduled: wanted, updatedNumberScheduled: updated = 0, numberReady: ready } = status;
  // pods are replaced one for one: where all are new, those that are ready have removed the routes
  if (updated >= wanted && ready >= wanted) return 'done';
  return `${Math.min(updated, ready)} of ${wanted} nodes have removed their routes`;
}

/** The nodes whose pod is not a new one that is ready. */
async function nodesLeft(
  client: KubernetesClient,
  namespace: string,
  { spec }: V1DaemonSet,
): Promise<string[]> {
  const labelSelector = Object.entries(spec?.selector.matchLabels ?? {})
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
  const answer = await client.request({
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { labelSelector },
  });
  if (answer.status !== 200) return [`unknown (${wordsOf(answer)})`];
  const pods = (answer.body as { items: V1Pod[] }).items;
  return pods.filter((pod) => !hasRemoved(pod)).map((pod) => pod.spec?.nodeName ?? '?');
}

function hasRemoved({ spec, status }: V1Pod): boolean {
  const args = spec?.containers.find(({ name }) => name === containerName)?.args ?? [];
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return ready && args.includes('--remove-routes');
}

function wordsOf({ status, body }: { status: number; body: unknown }): string {
  const message = (body as { message?: unknown } | null)?.message;
  return `the API server answers ${status}${typeof message === 'string' ? `: ${message}` : ''}`;
}
