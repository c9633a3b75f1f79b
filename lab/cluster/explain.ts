import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, ClusterNode, Explanation } from './api.ts';

const linesShown = 60;
const eventsShown = 200;
const warningsShown = 8;
const podLinesShown = 200;
const nodeLogs = ['start', 'console', 'containerd', 'kubelet', 'kube-proxy'];

/** What a person would look at first when a test of the cluster failed. */
export async function explainCluster(cluster: Cluster): Promise<Explanation> {
  const ask = async (args: string[]) => {
    const answer = await cluster.kubectl(args, { timeoutMs: 10_000 }).catch((error: Error) => error.message);
    return { title: `--- kubectl ${args.join(' ')}`, lines: answer.trimEnd().split('\n') };
  };
  const [pods, events, ...down] = await Promise.all([
    ask(['get', 'nodes,pods', '--all-namespaces', '-o', 'wide']),
    ask(['get', 'events', '--all-namespaces', '--sort-by=.lastTimestamp']),
    ...cluster.nodes.map(sayIfDown),
  ]);
  const unwell = pods.lines.filter(
    (line) => !/ (Running|Ready|Completed) /.test(line) || / 0\/\d /.test(line),
  );
  const warnings = events.lines
    .filter((line) => line.includes(' Warning '))
    .map((line) => line.slice(0, 300));
  const ofPods = pods.lines.flatMap((line) => {
    const [, namespace, name] = /^(\S+) +pod\/(\S+)/.exec(line) ?? [];
    const which = ['--all-containers', '--prefix', '--timestamps', `--tail=${podLinesShown}`];
    return namespace === undefined || name === undefined ? [] : [['logs', '-n', namespace, name, ...which]];
  });
  const podLogs = await Promise.all(ofPods.map(ask));
  // A guest's writes reach the machine late.
  await Promise.all(cluster.nodes.map((node) => node.exec(['timeout', '10', 'sync']).catch(() => '')));
  const sessions = await cluster.router.sessions().catch(String);
  return {
    digest: [...down.filter((text) => text !== ''), ...unwell, ...warnings.slice(-warningsShown)]
      .map((line) => `      ${line}`)
      .join('\n'),
    logs: [
      ...[pods, events].flatMap(({ title, lines }) => [title, ...lines.slice(-eventsShown)]),
      `--- the router's sessions\n${sessions}`,
      ...podLogs.flatMap(({ title, lines }) => [title, ...lines]),
      ...clusterLogs(cluster),
    ].join('\n'),
  };
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
