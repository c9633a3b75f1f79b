// The cluster's command line on the machine: see usage.

import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { findKept, makeRunDir, markKept } from '../commands/run-dir.ts';
import { checkout } from '../kernel/places.ts';
import { endKernel, execInKernel, KernelFailure, runInKernel } from '../kernel/run.ts';
import { SetUpFailure } from '../setup/steps.ts';
import { waitFor } from '../wait.ts';
import { kubeconfig } from './certificates.ts';
import { forwardedPort, isForwarded, startForwarder } from './forwarder.ts';
import { loadImages } from './images/load.ts';
import { productArchives } from './images/product.ts';
import { clusterPaths, nodeName, nodeNumbers } from './plan.ts';
import { setUpCluster, siteEnvironment, writeSetUp } from './set-up.ts';
import { programFolder } from './tools/go-build.ts';

const usage = `usage: npm run cluster [-- COMMAND]
  up [--images WHICH]      three nodes, router and client (the default); stays until down. WHICH images of the product
                           are on the nodes: now (built from the sources as they are), last (built before), none
  exec ROLE COMMAND…       a command at client, router, node-1, node-2 or node-3
  load FILE.tar…           images into every node
  test FILE…               test files in the cluster that is up
  down                     end it`;

const mark = 'kept-cluster';
const wantedPort = 16443;

const [command = 'up', ...args] = process.argv.slice(2);
try {
  process.exitCode = await main();
} catch (error) {
  const isMistyped = ((error as NodeJS.ErrnoException).code ?? '').startsWith('ERR_PARSE_ARGS');
  if (!isMistyped && !(error instanceof SetUpFailure) && !(error instanceof KernelFailure)) throw error;
  console.error((error as Error).message);
  if (isMistyped) console.error(usage);
  process.exitCode = isMistyped ? 2 : 1;
}

async function main(): Promise<number> {
  if (command === 'up') return up();
  const actions: Record<string, (runDir: string) => Promise<number>> = { exec, load, test, down };
  const action = actions[command];
  if (action === undefined) {
    console.error(usage);
    return command === 'help' || command === '--help' ? 0 : 2;
  }
  const runDir = await findKept(mark);
  if (runDir === undefined) {
    console.error('no cluster is up: start one with `npm run cluster`');
    return 1;
  }
  return action(runDir);
}

async function up(): Promise<number> {
  const { values } = parseArgs({ args, options: { images: { type: 'string', default: 'now' } } });
  const running = await findKept(mark);
  if (running !== undefined) return sayThatItRuns(running);
  const made = await setUpCluster(await productArchives(values.images));
  const startedAtMs = performance.now();
  const runDir = await makeRunDir('cluster');
  writeSetUp(runDir, made);
  // Before it starts, so that there is no moment in which a cluster is up that `down` does not find.
  markKept(runDir, mark);
  const command = ['node', 'lab/cluster/inside.ts'];
  const code = await runInKernel(made.site, { command, runDir, env: siteEnvironment(made) });
  if (code !== 0) {
    console.error(`Everything that was written is in ${runDir}`);
    return code;
  }
  await openToMachine(runDir);
  console.log(`\nthe cluster is up after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  sayHow(runDir);
  return 0;
}

async function sayThatItRuns(runDir: string): Promise<number> {
  const { description, machineKubeconfig } = clusterPaths(runDir);
  if (!existsSync(description)) {
    console.error(
      `a cluster is being started in ${runDir}; wait for it, or end it (npm run cluster -- down)`,
    );
    return 1;
  }
  // Whoever started it may have been killed before this, and a small process is killed easily.
  if (!existsSync(machineKubeconfig) || !(await isForwarded(runDir))) await openToMachine(runDir);
  console.log('a cluster is up already (npm run cluster -- down ends it)\n');
  sayHow(runDir);
  return 0;
}

/** The API server on loopback, and a kubeconfig for it that can be copied anywhere on this machine. */
async function openToMachine(runDir: string): Promise<void> {
  startForwarder(runDir, wantedPort);
  await waitFor('the API server to be reached on loopback', () => isForwarded(runDir));
  const port = forwardedPort(runDir);
  const paths = clusterPaths(runDir);
  writeFileSync(paths.machineKubeconfig, kubeconfig(`https://127.0.0.1:${port}`, paths.keys, 'admin'), {
    mode: 0o600,
  });
  const newest = join(checkout, '.lab', 'cluster');
  rmSync(newest, { force: true });
  symlinkSync(relative(join(checkout, '.lab'), runDir), newest);
}

function sayHow(runDir: string): void {
  const { cacheDir } = JSON.parse(readFileSync(join(runDir, 'set-up.json'), 'utf8')).guest;
  console.log(`  export KUBECONFIG=${clusterPaths(runDir).machineKubeconfig} PATH=${programFolder(cacheDir)}:$PATH
  kubectl get nodes
  npm run cluster -- exec router birdc show route
  npm run cluster -- exec client curl http://203.0.113.1/
  npm run cluster -- exec node-1 ip route
  npm run cluster -- load FILE.tar        images into every node
  npm run cluster -- down
logs: ${runDir}`);
}

async function exec(runDir: string): Promise<number> {
  const [role = '', ...words] = args;
  if (role === '' || words.length === 0) {
    console.error(usage);
    return 2;
  }
  const stdin = process.stdin;
  if (nodeNumbers().map(nodeName).includes(role)) return execInKernel(join(runDir, role), words, { stdin });
  return execInKernel(runDir, ['node', 'lab/inside.ts', 'exec', role, ...words], { stdin });
}

async function load(runDir: string): Promise<number> {
  await loadImages(runDir, args);
  return 0;
}

function test(runDir: string): Promise<number> {
  const mocha = ['node_modules/mocha/bin/mocha.js', '--config', '.mocharc.cluster.json'];
  return execInKernel(runDir, ['node', ...mocha, '--reporter', './test/reporter.ts', ...args]);
}

async function down(runDir: string): Promise<number> {
  await endKernel(runDir);
  console.log('the cluster is down');
  return 0;
}
