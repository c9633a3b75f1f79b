/** `test`: every test; jobs of the lab run beside each other, one on each processor. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseKernelName, readWantedKernel } from '../setup/config.ts';
import { makeRunDir } from './run-dir.ts';
import type { Counts } from './test-counts.ts';
import { kindOf, planCluster, planLab, planOnMachine, planUnit, type Selection } from './test-plan.ts';
import { runInCluster, runJobs, runUnit } from './test-runs.ts';

export const testUsage = `test [--unit-only | --charts-only | --images-only | --lab-only | --cluster-only] [--kernel host|latest|6.1] [--grep TEXT] [FILE…]`;

/** The last line is the sum. Gives the exit code. */
export async function runTests(args: string[]): Promise<number> {
  const selection = select(args);
  const runDir = await makeRunDir('test');
  const results: Counts[] = [];
  for (const job of planUnit(selection)) {
    console.log('\nunit tests');
    results.push(await runUnit(job, runDir));
  }
  for (const kind of ['charts', 'images'] as const)
    for (const job of planOnMachine(kind, selection)) {
      if (results.some(({ interrupted }) => interrupted)) break;
      console.log(`\n${kind}`);
      const directory = join(runDir, kind);
      mkdirSync(directory);
      results.push(await runUnit(job, directory));
    }
  const jobs = planLab(selection);
  if (jobs.length > 0 && !results.some(({ interrupted }) => interrupted)) {
    console.log(`\nlab tests, in ${jobs.length} parts`);
    results.push(...(await runJobs(jobs, runDir)));
  }
  const plan = planCluster(selection);
  if (plan !== undefined && !results.some(({ interrupted }) => interrupted)) {
    console.log('\ncluster tests');
    results.push(...(await runInCluster(plan, join(runDir, 'cluster'))));
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
      'images-only': flag,
      'lab-only': flag,
      'cluster-only': flag,
      grep: text,
      kernel: text,
    },
  });
  const kinds = ['unit', 'charts', 'images', 'lab', 'cluster'] as const;
  const only = kinds.filter((kind) => values[`${kind}-only`]);
  // The cluster takes another twenty minutes, and the images it needs with it: when they are asked for.
  const usual = files.length > 0 ? kinds : kinds.filter((kind) => kind !== 'images' && kind !== 'cluster');
  const want = (kind: (typeof kinds)[number]) =>
    (only.length === 0 ? usual : only).includes(kind) &&
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
