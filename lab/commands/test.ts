/** `test`: every test, or those that are named. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkout } from '../kernel/places.ts';
import { parseKernelName, readWantedKernel } from '../setup/config.ts';
import { makeRunDir } from './run-dir.ts';
import type { Counts } from './test-counts.ts';
import { kindOf, planCluster, planLab, planOnMachine, planUnit, type Selection } from './test-plan.ts';
import { runInCluster, runJobs, runOnMachine } from './test-runs.ts';

export const testUsage = `test [--unit-only | --charts-only | --images-only | --lab-only | --cluster-only] [--kernel host|latest|6.1] [--grep TEXT] [FILE…]`;

/**
 * One kind after the other, though parts of the lab run beside each other: the cluster and the lab at once take each
 * other's processor on two cores. What failed is told again at the end; the last line is the sum. Gives the exit code.
 */
export async function runTests(args: string[]): Promise<number> {
  const selection = select(args);
  const missing = selection.files.filter((file) => !existsSync(resolve(checkout, file)));
  if (missing.length > 0) {
    console.error(`no such test file: ${missing.join(', ')}`);
    return 2;
  }
  const runDir = await makeRunDir('test');
  const results: Counts[] = [];
  const isInterrupted = () => results.some(({ interrupted }) => interrupted);
  const onMachine = [
    ...planUnit(selection),
    ...planOnMachine('charts', selection),
    ...planOnMachine('images', selection),
  ];
  for (const job of onMachine) {
    if (isInterrupted()) break;
    console.log(`\n${job.name} tests`);
    results.push(await runOnMachine(job, join(runDir, job.name)));
  }
  const jobs = isInterrupted() ? [] : planLab(selection);
  if (jobs.length > 0) {
    console.log(`\nlab tests, in ${jobs.length} parts`);
    results.push(...(await runJobs(jobs, runDir)));
  }
  for (const job of isInterrupted() ? [] : planCluster(selection)) {
    console.log('\ncluster tests');
    results.push(await runInCluster(job, join(runDir, job.name)));
  }
  const sum = (what: 'passed' | 'failed') => results.reduce((all, each) => all + each[what], 0);
  for (const failure of results.flatMap(({ failures }) => failures)) console.log(`\n${failure}`);
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
      'images-only': flag,
      'lab-only': flag,
      'cluster-only': flag,
      grep: text,
      kernel: text,
    },
  });
  const kinds = ['unit', 'charts', 'images', 'lab', 'cluster'] as const;
  const only = kinds.filter((kind) => values[`${kind}-only`]);
  const want = (kind: (typeof kinds)[number]) =>
    (only.length === 0 ? kinds : only).includes(kind) &&
    (files.length === 0 || files.some((file) => kindOf(file) === kind))
      ? 'wanted'
      : 'left out';
  return {
    files,
    unit: want('unit'),
    charts: want('charts'),
    images: want('images'),
    lab: want('lab'),
    cluster: want('cluster'),
    kernel:
      values.kernel === undefined
        ? readWantedKernel()
        : parseKernelName(values.kernel, `--kernel ${values.kernel}`),
    grep: values.grep,
  };
}
