/** Jobs where they belong: on the machine, in kernels of the lab, in a cluster. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { productArchives } from '../cluster/images/product.ts';
import { setUpCluster, siteEnvironment, writeSetUp } from '../cluster/set-up.ts';
import { checkout } from '../kernel/places.ts';
import { usableProcessors } from '../kernel/processors.ts';
import { KernelFailure, type RunOptions, runInKernel } from '../kernel/run.ts';
import type { KernelName, SetUp } from '../setup/steps.ts';
import { prefixLines } from './prefix-lines.ts';
import { prepare } from './prepare.ts';
import { type Counts, mochaCommand, readCounts } from './test-counts.ts';
import type { Job } from './test-plan.ts';

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

/** One job at a time on each processor, the next when one is free. */
export async function runJobs(jobs: readonly Job[], runDir: string): Promise<Counts[]> {
  const kernels = new Map<KernelName, SetUp>();
  for (const { kernel } of jobs)
    if (kernel && !kernels.has(kernel)) kernels.set(kernel, await prepare({ kernel }));
  const waiting = jobs.map((job, i) => ({ job, directory: join(runDir, `part-${i + 1}`) }));
  const results: Counts[] = [];
  const work = async (processor: number) => {
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

/** In a cluster of its own, whatever else is up. */
export async function runInCluster(job: Job, runDir: string): Promise<Counts> {
  const made = await setUpCluster(await productArchives());
  mkdirSync(runDir);
  writeSetUp(runDir, made);
  const command = ['node', ...mochaCommand(job, runDir)];
  const options = { command, runDir, env: siteEnvironment(made) };
  return readCounts(job, runDir, await runPrefixed(job.name, made.site, options));
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
