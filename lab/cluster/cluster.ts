import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientRole, RouterRole } from '../api.ts';
import { LabContext } from '../context.ts';
import { type DataCentre, openLab } from '../lab.ts';
import { switchName } from '../network/fabric.ts';
import { netnsPath } from '../network/namespaces.ts';
import { nodeAddress } from '../network/plan.ts';
import { Client } from '../roles/client.ts';
import { Router } from '../roles/router.ts';
import { stateRoot } from '../sweep.ts';
import { waitFor } from '../wait.ts';
import type { Cluster } from './api.ts';
import { makeKeys } from './certificates.ts';
import { planControlPlane, startControlPlane } from './control-plane.ts';
import { dnsManifests, dnsReplicas } from './dns.ts';
import { forwardApi } from './forwarder.ts';
import { Handle } from './handle.ts';
import { writeNodeFiles } from './node/files.ts';
import { Node } from './node/node.ts';
import { type ClusterPaths, clusterPaths, nodeNumbers } from './plan.ts';
import { type ClusterSetUp, readSetUp } from './set-up.ts';

export type * from './api.ts';

/** Ten seconds on an idle machine; on one that is shared by many, minutes. */
const startDeadlineMs = 240_000;

let opened: Promise<Cluster> | undefined;
let current: Cluster | undefined;

/**
 * The cluster of this kernel and network namespace: the one that is up, else it is started. The same for every caller
 * in a process. Only inside `node lab/cluster/main.ts`'s surroundings, which say by LAB_RUN where its folder is.
 */
export function openCluster(options: { log?: (line: string) => void } = {}): Promise<Cluster> {
  opened ??= open(options.log ?? (() => {}));
  return opened;
}

export function clusterNow(): Cluster | undefined {
  return current;
}

async function open(log: (line: string) => void): Promise<Cluster> {
  const { LAB_RUN: runDir } = process.env;
  if (runDir === undefined)
    throw new Error('no cluster can be opened here: use npm run cluster or npm run test:cluster');
  const paths = clusterPaths(runDir);
  const setUp = readSetUp(runDir);
  const cluster = existsSync(paths.description) ? await attach(paths, setUp) : await start(paths, setUp, log);
  current = cluster;
  return cluster;
}

async function attach(paths: ClusterPaths, setUp: ClusterSetUp): Promise<Cluster> {
  const { runId }: { runId: string } = JSON.parse(readFileSync(paths.description, 'utf8'));
  const context = new LabContext({
    runId,
    runDir: paths.runDir,
    stateDir: join(stateRoot, runId),
    restartDelayMs: 10_000,
    log: () => {},
  });
  const roles = { client: Client.attach(context, 1), router: await Router.attach(context) };
  return assemble(paths, setUp, roles, makeNodes(paths, setUp, runId), () => context.end());
}

async function start(
  paths: ClusterPaths,
  setUp: ClusterSetUp,
  log: (line: string) => void,
): Promise<Cluster> {
  const startedAtMs = performance.now();
  const say = (line: string) => log(`${((performance.now() - startedAtMs) / 1000).toFixed(1)} s  ${line}`);
  const lab = await openLab({ runDir: paths.runDir });
  await makeKeys(paths.keys);
  const plane = planControlPlane(paths, setUp.bin);
  const planeUp = startControlPlane(plane, paths).then(() => say('control plane ready'));
  const roles = await addRoles(lab);
  const nodes = makeNodes(paths, setUp, lab.runId);
  const cluster = assemble(paths, setUp, roles, nodes, async () => {
    await Promise.all(nodes.map((node) => node.kill().catch(() => {})));
    for (const program of Object.values(plane)) await program.stop('SIGKILL');
    rmSync(paths.description, { force: true });
    await lab.close();
  });
  try {
    await startAll(paths, setUp, cluster, nodes, planeUp, say);
  } catch (error) {
    const { digest, logs } = await cluster.explain();
    throw new Error(`${(error as Error).message}\n${digest}\n${logs}`);
  }
  writeFileSync(paths.description, JSON.stringify({ runId: lab.runId }));
  return cluster;
}

async function startAll(
  paths: ClusterPaths,
  setUp: ClusterSetUp,
  cluster: Cluster,
  nodes: Node[],
  planeUp: Promise<void>,
  say: (line: string) => void,
): Promise<void> {
  await forwardApi(paths);
  const programs = { bin: setUp.bin, cni: setUp.cni };
  const nodesUp = nodes.map(async (node) => {
    writeNodeFiles(paths, node.index, programs);
    await node.plugIn();
    await node.start();
    say(`${node.name} booted`);
  });
  const registered = planeUp.then(async () => {
    await registerNodes(cluster);
    await cluster.apply(dnsManifests());
  });
  await Promise.all([registered, ...nodesUp]);
  await cluster.waitForNodes(startDeadlineMs);
  say('all nodes Ready');
  await cluster.waitForPods('kube-system', 'k8s-app=kube-dns', dnsReplicas, startDeadlineMs);
  say('DNS ready');
}

async function addRoles(lab: DataCentre): Promise<{ client: ClientRole; router: RouterRole }> {
  const [client, router] = await Promise.all([
    lab.addClient(),
    lab.addRouter({ callers: nodeNumbers().map(nodeAddress) }),
  ]);
  return { client, router };
}

function makeNodes(paths: ClusterPaths, setUp: ClusterSetUp, runId: string): Node[] {
  const switchNetns = netnsPath(`plb-${runId}-${switchName}`);
  return nodeNumbers().map((index) => new Node(paths, setUp, index, switchNetns));
}

function assemble(
  paths: ClusterPaths,
  setUp: ClusterSetUp,
  roles: { client: ClientRole; router: RouterRole },
  nodes: Node[],
  close: () => Promise<void>,
): Handle {
  const plane = planControlPlane(paths, setUp.bin);
  return new Handle({ paths, bin: setUp.bin, databases: setUp.databases, ...roles, nodes, plane, close });
}

/** Before the kubelets do, so that each Node has the pod CIDR that its bridge has. */
async function registerNodes(cluster: Cluster): Promise<void> {
  for (const { name, podCidr } of cluster.nodes) {
    const labels = { 'kubernetes.io/hostname': name };
    const body = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
    };
    await waitFor(`Node ${name} to be registered`, async () => {
      const { status, text } = await cluster.api.request('POST', '/api/v1/nodes', body);
      return status === 201 || status === 409 || { notYet: text.slice(0, 300) };
    });
  }
}
