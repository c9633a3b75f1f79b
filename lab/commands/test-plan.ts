/**
 * Which tests run where: unit tests on the machine, the lab's files in jobs, each job in a kernel of its own, the
 * cluster's all in one cluster.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkout } from '../kernel/places.ts';
import type { KernelName } from '../setup/steps.ts';

export interface Job {
  /** What stands before its lines: `latest`, `6.1`, `unit`. */
  readonly name: string;
  readonly kernel?: KernelName;
  readonly mochaArgs: readonly string[];
}

export interface Selection {
  readonly files: readonly string[];
  readonly unit: 'wanted' | 'left out';
  readonly charts: 'wanted' | 'left out';
  readonly images: 'wanted' | 'left out';
  readonly lab: 'wanted' | 'left out';
  readonly cluster: 'wanted' | 'left out';
  /** undefined: latest, and 6.1 for tests marked @both. */
  readonly kernel: KernelName | undefined;
  readonly grep: string | undefined;
}

/** Tests with this word in their title run on the old kernel too. */
const bothTag = '@both';
/** A kernel takes seconds to start, so a job has some files; several jobs, so that each processor has its own. */
const filesPerJob = 3;

export function planUnit({ files: all, unit, grep }: Selection): Job[] {
  if (unit === 'left out') return [];
  const files = all.filter((file) => kindOf(file) === 'unit');
  // With files named, mocha's own configuration is left out: it would add all the others.
  const named = files.length > 0 ? ['--no-config', '--timeout', '10000', ...files] : [];
  return [{ name: 'unit', mochaArgs: [...named, ...pattern(grep)] }];
}

/** On the machine too, each with a configuration of its own. */
export function planOnMachine(kind: 'charts' | 'images', selection: Selection): Job[] {
  if (selection[kind] === 'left out') return [];
  const files = selection.files.filter((file) => kindOf(file) === kind);
  // A file that is named beside a configuration only adds to those of the configuration.
  const named = files.length > 0 ? ['--no-config', '--timeout', '120000', ...files] : [];
  const config = files.length > 0 ? [] : ['--config', `.mocharc.${kind}.json`];
  return [{ name: kind, mochaArgs: [...config, ...named, ...pattern(selection.grep)] }];
}

export function planLab({ files, lab, kernel, grep }: Selection): Job[] {
  if (lab === 'left out') return [];
  const chosen = chooseFiles(files, 'lab');
  const main = kernel === '6.1' ? [] : jobs(kernel ?? 'latest', chosen, grep);
  if (kernel !== undefined && kernel !== '6.1') return main;
  const both = chosen.filter((file) => readFileSync(`${checkout}/${file}`, 'utf8').includes(bothTag));
  const old = jobs('6.1', both, `(?=.*${bothTag})${grep === undefined ? '' : `(?=.*${grep})`}`);
  return [...main, ...old];
}

/** One file after the other: two at once starve each other's pods on a machine of two processors. */
export function planCluster({ files, cluster, grep }: Selection): Job[] {
  const chosen = cluster === 'left out' ? [] : chooseFiles(files, 'cluster');
  if (chosen.length === 0) return [];
  return [{ name: 'cluster', mochaArgs: ['--config', '.mocharc.cluster.json', ...chosen, ...pattern(grep)] }];
}

/** By its folder; what is in none of these runs on the machine, as unit tests do. */
export function kindOf(file: string): 'unit' | 'charts' | 'images' | 'lab' | 'cluster' {
  if (file.includes('test/lab')) return 'lab';
  if (file.includes('test/charts')) return 'charts';
  if (file.includes('test/images')) return 'images';
  return file.includes('test/cluster') ? 'cluster' : 'unit';
}

/** Those that the user named, else all. */
function chooseFiles(named: readonly string[], kind: 'lab' | 'cluster'): string[] {
  if (named.length > 0) return named.filter((file) => kindOf(file) === kind);
  return globSync(`test/${kind}/**/*.test.ts`, { cwd: checkout }).sort();
}

function jobs(kernel: KernelName, files: readonly string[], grep: string | undefined): Job[] {
  return chunk(files).map((some) => ({
    name: kernel,
    kernel,
    mochaArgs: ['--config', '.mocharc.lab.json', ...some, ...pattern(grep)],
  }));
}

/** Files of one folder together, a few at a time. */
export function chunk(files: readonly string[]): string[][] {
  const folders = Map.groupBy(files, (file) => dirname(file));
  return [...folders.values()].flatMap((all) =>
    Array.from({ length: Math.ceil(all.length / filesPerJob) }, (_, i) =>
      all.slice(i * filesPerJob, (i + 1) * filesPerJob),
    ),
  );
}

function pattern(grep: string | undefined): string[] {
  return grep === undefined ? [] : ['--grep', grep];
}
