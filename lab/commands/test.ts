/** `test`: every test; jobs of the lab run beside each other, one on each processor. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { productArchives } from '../cluster/images/product.ts';
import { setUpCluster, siteEnvironment, writeSetUp } from '../cluster/set-up.ts';
import { checkout } from '../kernel/places.ts';
import { usableProcessors } from '../kernel/processors.ts';
import { KernelFailure, runInKernel } from '../kernel/run.ts';
import { parseKernelName, readWantedKernel } from '../setup/config.ts';
import type { KernelName, SetUp } from '../setup/steps.ts';
import { prepare } from './prepare.ts';
import { makeRunDir } from './run-dir.ts';
import { type Job, kindOf, planCharts, planCluster, planLab, planUnit, type Selection } from './test-plan.ts';

const mocha = 'node_modules/mocha/bin/mocha.js';
const interruptedCode = 130;

interface Counts {
  passed: number;
  failed: number;
  /** By Ctrl-C: jobs that follow are not begun. */
  interrupted?: boolean;
}

export const testUsage = `test [--unit-only | --charts-only | --lab-only | --cluster-only] [--kernel host|latest|6.1] [--grep TEXT] [FILE…]`;

/** The last line is the sum. Gives the exit code. */
export async function runTests(args: string[]): Promise<number> {
  const selection = select(args);
  const runDir = await makeRunDir('test');
  const results: Counts[] = [];
  for (const job of planUnit(selection)) {
    console.log('\nunit tests');
    results.push(await runUnit(job, runDir));
  }
  for (const job of planCharts(selection)) {
    if (results.some(({ interrupted }) => interrupted)) break;
    console.log('\ncharts');
    const directory = join(runDir, 'charts');
    mkdirSync(directory);
    results.push(await runUnit(job, directory));
  }
  const jobs = planLab(selection);
  if (jobs.length > 0 && !results.some(({ interrupted }) => interrupted)) {
    console.log(`\nlab tests, in ${jobs.length} parts`);
    results.push(...(await runJobs(jobs, runDir)));
  }
  for (const job of planCluster(selection)) {
    if (results.some(({ interrupted }) => interrupted)) break;
    console.log('\ncluster tests');
    results.push(await runInCluster(job, join(runDir, 'cluster')));
  }
  const sum = (what: 'passed' | 'failed') => results.reduce((all, each) => all + each[what], 0);
  console.log(`\nlogs: ${runDir}`);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  return sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;
}

function select(args: string[]): Selection {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values, positionals: files } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      'unit-only': flag,
      'charts-only': flag,
      'lab-only': flag,
      'cluster-only': flag,
      grep: text,
      kernel: text,
    },
  });
  const kinds = ['unit', 'charts', 'lab', 'cluster'] as const;
  const only = kinds.filter((kind) => values[`${kind}-only`]);
  // The cluster's tests run when they are asked for, until all of them have been seen to hold on two processors.
  const usual = files.length > 0 ? kinds : kinds.filter((kind) => kind !== 'cluster');
  const want = (kind: (typeof kinds)[number]) =>
    (only.length === 0 ? usual : only).includes(kind) &&
    (files.length === 0 || files.some((file) => kindOf(file) === kind))
      ? 'wanted'
      : 'left out';
  return {
    files,
    unit: want('unit'),
    charts: want('charts'),
    lab: want('lab'),
    cluster: want('cluster'),
    kernel:
      values.kernel === undefined
        ? readWantedKernel()
        : parseKernelName(values.kernel, `--kernel ${values.kernel}`),
    grep: values.grep,
  };
}

/** One job at a time on each processor, the next when one is free. */
async function runJobs(jobs: readonly Job[], runDir: string): Promise<Counts[]> {
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
      const counts = await runInLab(job, made, directory, { processor });
      results.push(counts);
      if (counts.interrupted) waiting.length = 0;
    }
  };
  await Promise.all(usableProcessors().map(work));
  return results;
}

/** In a cluster of its own, whatever else is up. */
async function runInCluster(job: Job, runDir: string): Promise<Counts> {
  const made = await setUpCluster(await productArchives());
  mkdirSync(runDir);
  writeSetUp(runDir, made);
  return runInLab(job, made.site, runDir, { env: siteEnvironment(made) });
}

async function runUnit(job: Job, runDir: string): Promise<Counts> {
  const child = spawn(process.execPath, mochaCommand(job, runDir), {
    cwd: checkout,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
  return readCounts(job, runDir, code);
}

async function runInLab(
  job: Job,
  made: SetUp,
  runDir: string,
  place: { processor?: number; env?: Record<string, string> },
): Promise<Counts> {
  const stdout = prefixLines(`${job.name} `);
  try {
    const command = ['node', ...mochaCommand(job, runDir)];
    const code = await runInKernel(made, { command, runDir, ...place, output: stdout });
    return readCounts(job, runDir, code);
  } catch (error) {
    if (!(error instanceof KernelFailure)) throw error;
    console.log(`  ✗ ${job.name}: ${error.message}`);
    return readCounts(job, runDir, 70);
  } finally {
    stdout.end();
  }
}

/** Lines of parts that run beside each other stay whole, and say whose they are. */
function prefixLines(prefix: string): Writable {
  const decoder = new TextDecoder();
  let rest = '';
  const print = (lines: string[]) => {
    for (const line of lines) process.stdout.write(`${line === '' ? '' : prefix}${line}\n`);
  };
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      print(lines);
      done();
    },
    final(done) {
      if (rest !== '') print([rest]);
      done();
    },
  });
}

function mochaCommand({ mochaArgs }: Job, runDir: string): string[] {
  const reporter = ['--reporter', './test/reporter.ts', '--reporter-option', `counts=${countsFile(runDir)}`];
  return [mocha, ...mochaArgs, ...reporter];
}

function countsFile(runDir: string): string {
  return join(runDir, 'counts.json');
}

/** A part that did not get to its end has failed, whatever it counted. */
function readCounts({ name, mochaArgs }: Job, runDir: string, code: number): Counts {
  const interrupted = code === interruptedCode;
  if (!existsSync(countsFile(runDir))) {
    console.log(`  ✗ ${name}: no test ran (exit code ${code}): ${mochaArgs.join(' ')}`);
    return { passed: 0, failed: 1, interrupted };
  }
  const counts: Counts & { finished: boolean } = JSON.parse(readFileSync(countsFile(runDir), 'utf8'));
  if (counts.finished && (code === 0 || counts.failed > 0)) return counts;
  console.log(`  ✗ ${name}: ended with exit code ${code} before all tests had run: ${mochaArgs.join(' ')}`);
  return { passed: counts.passed, failed: counts.failed + 1, interrupted };
}
