import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, ClusterNode } from './api.ts';

const linesShown = 12;
const nodeLogs = ['start', 'console', 'containerd', 'kubelet', 'kube-proxy'];

/** What a person would look at first when a test of the cluster failed. */
export async function explainCluster(cluster: Cluster): Promise<string> {
  const asked = await Promise.all(
    [
      ['get', 'nodes,pods', '--all-namespaces', '-o', 'wide'],
      ['get', 'events', '--all-namespaces', '--sort-by=.lastTimestamp'],
    ].map(async (args) => {
      const answer = await cluster
        .kubectl(args, { timeoutMs: 10_000 })
        .catch((error: Error) => error.message);
      return `--- kubectl ${args.join(' ')}\n${lastLines(answer, 40)}`;
    }),
  );
  const down = await Promise.all(cluster.nodes.map(sayIfDown));
  // A guest's writes reach the machine late.
  await Promise.all(cluster.nodes.map((node) => node.exec(['sync']).catch(() => '')));
  const sessions = await cluster.router.sessions().catch(String);
  return [...down, ...asked, `--- the router's sessions\n${sessions}`, ...clusterLogs(cluster)]
    .filter((text) => text !== '')
    .join('\n');
}

/** A kernel that panicked is the lab's failure, and not that of what is tested. */
async function sayIfDown(node: ClusterNode): Promise<string> {
  if (await node.isUp()) return '';
  const keeper = join(node.runDir, 'keeper.log');
  const why = existsSync(keeper) ? lastLines(readFileSync(keeper, 'utf8'), 1) : 'it was never started';
  return `!!! ${node.name} is down: ${why}`;
}

function clusterLogs(cluster: Cluster): string[] {
  const plane = [cluster.etcd, cluster.apiServer, cluster.controllerManager, cluster.scheduler];
  const files = [
    ...plane.map(({ logFile }) => logFile),
    ...cluster.nodes.flatMap(({ runDir }) => nodeLogs.map((name) => join(runDir, `${name}.log`))),
  ];
  return files
    .filter((file) => existsSync(file))
    .map((file) => ({ file, text: readFileSync(file, 'utf8').trim() }))
    .filter(({ text }) => text !== '')
    .map(({ file, text }) => `--- ${file}\n${lastLines(text, linesShown)}`);
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
