/** Jobs where they belong: on the machine, in kernels of the lab, in a cluster. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { productArchives } from '../cluster/images/product.ts';
import { setUpCluster, siteEnvironment, writeSetUp } from '../cluster/set-up.ts';
import { checkout } from '../kernel/places.ts';
import { usableProcessors } from '../kernel/processors.ts';
import { KernelFailure, type RunOptions, runInKernel } from '../kernel/run.ts';
import type { KernelName, SetUp } from '../setup/steps.ts';
import { prefixLines } from './prefix-lines.ts';
import { prepare } from './prepare.ts';
import { type Counts, mochaCommand, readCounts } from './test-counts.ts';
import type { ClusterPlan, Job } from './test-plan.ts';

const lookAgainMs = 500;

export async function runOnMachine(job: Job, directory: string): Promise<Counts> {
  mkdirSync(directory, { recursive: true });
  const child = spawn(process.execPath, mochaCommand(job, directory), {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = prefixLines(`${job.name} `);
  for (const stream of [child.stdout, child.stderr]) stream.pipe(output, { end: false });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
  output.end();
  return readCounts(job, directory, code);
}

/** One job at a time on each processor, the next when one is free; until `others` end they have all but one. */
export async function runJobs(
  jobs: readonly Job[],
  runDir: string,
  others: Promise<unknown> = Promise.resolve(),
): Promise<Counts[]> {
  const kernels = new Map<KernelName, SetUp>();
  for (const { kernel } of jobs)
    if (kernel && !kernels.has(kernel)) kernels.set(kernel, await prepare({ kernel }));
  const waiting = jobs.map((job, i) => ({ job, directory: join(runDir, `part-${i + 1}`) }));
  const results: Counts[] = [];
  const work = async (processor: number, i: number) => {
    if (i > 0) await others;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { job, directory } = next;
      mkdirSync(directory);
      const made = kernels.get(job.kernel as KernelName) as SetUp;
      const counts = await runInLab(job, made, directory, processor);
      results.push(counts);
      if (counts.interrupted) waiting.length = 0;
    }
  };
  await Promise.all(usableProcessors().map(work));
  return results;
}

async function runInLab(job: Job, made: SetUp, runDir: string, processor: number): Promise<Counts> {
  const command = ['node', ...mochaCommand(job, runDir)];
  return readCounts(job, runDir, await runPrefixed(job.name, made, { command, runDir, processor }));
}

export interface ClusterRun {
  /** From then on the cluster leaves the machine something to do: its files run one after the other. */
  readonly lanesDone: Promise<void>;
  readonly counts: Promise<Counts[]>;
}

/** In a cluster of its own, whatever else is up. Resolves when it is set up. */
export async function startInCluster({ lanes, alone }: ClusterPlan, runDir: string): Promise<ClusterRun> {
  const made = await setUpCluster(await productArchives());
  mkdirSync(runDir);
  writeSetUp(runDir, made);
  const folderOf = (job: Job) => join(runDir, job.name.replaceAll(' ', '-'));
  const codeFile = (job: Job) => join(folderOf(job), 'exit-code');
  const order = (job: Job) => {
    mkdirSync(folderOf(job));
    return { args: mochaCommand(job, folderOf(job)), codeFile: codeFile(job) };
  };
  const planFile = join(runDir, 'lanes.json');
  writeFileSync(planFile, JSON.stringify({ lanes: lanes.map(order), alone: alone.map(order) }));
  const command = ['node', 'test/cluster/lanes.ts', planFile];
  const ended = runPrefixed('cluster', made.site, { command, runDir, env: siteEnvironment(made) });
  return {
    lanesDone: Promise.race([
      allExist(lanes.map(codeFile)),
      ended.then(
        () => undefined,
        () => undefined,
      ),
    ]),
    counts: ended.then((code) =>
      [...lanes, ...alone].map((job) => {
        const said = existsSync(codeFile(job)) ? Number(readFileSync(codeFile(job), 'utf8')) : code || 1;
        return readCounts(job, folderOf(job), said);
      }),
    ),
  };
}

async function allExist(files: readonly string[]): Promise<void> {
  while (!files.every((file) => existsSync(file))) await sleep(lookAgainMs, undefined, { ref: false });
}

/** Gives the exit code; 70 when there was no kernel to run it in. */
async function runPrefixed(name: string, made: SetUp, options: RunOptions): Promise<number> {
  const output = prefixLines(`${name} `);
  try {
    return await runInKernel(made, { ...options, output });
  } catch (error) {
    if (!(error instanceof KernelFailure)) throw error;
    console.log(`  ✗ ${name}: ${error.message}`);
    return 70;
  } finally {
    output.end();
  }
}
