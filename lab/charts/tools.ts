/** helm and the checkers of charts, as functions. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { goBuildStep, programFolder } from '../cluster/tools/go-build.ts';
import { helm3Programs, helmPrograms } from '../cluster/tools/programs.ts';
import { checkout } from '../kernel/places.ts';
import { readCacheDir } from '../setup/config.ts';
import { createRunner } from '../setup/runner.ts';
import { schemasFolder, schemasStep } from './schemas.ts';

const cacheDir = readCacheDir();
export const schemas = schemasFolder(cacheDir);

export interface Output {
  code: number;
  /** stdout */
  text: string;
  /** stdout and stderr, for people */
  all: string;
}

/** Makes what is missing. Throws SetUpFailure. */
export async function prepareChartTools(): Promise<void> {
  const runner = createRunner(cacheDir, (text) => void process.stdout.write(text));
  await runner.run([
    goBuildStep(cacheDir, helmPrograms),
    goBuildStep(cacheDir, helm3Programs),
    schemasStep(cacheDir),
  ]);
}

export function runTool(
  name: 'helm' | 'helm3' | 'helm-unittest' | 'helm-docs' | 'kubeconform',
  args: string[],
  stdin = '',
) {
  const { status, stdout, stderr, error } = spawnSync(join(programFolder(cacheDir), name), args, {
    cwd: checkout,
    encoding: 'utf8',
    input: stdin,
    maxBuffer: 64 << 20,
  });
  if (error) throw error;
  return { code: status ?? -1, text: stdout, all: `${stdout}${stderr}` } satisfies Output;
}

/** Folders of the charts: those that have a Chart.yaml. */
export function chartFolders(): string[] {
  const entries = readdirSync(join(checkout, 'charts'), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `charts/${name}`)
    .filter((folder) => readdirSync(join(checkout, folder)).includes('Chart.yaml'));
}

/** Values for which a chart is checked: each file of its folder ci is one way to use it. */
export function valuesFiles(chart: string): string[] {
  const folder = join(checkout, chart, 'ci');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => `${chart}/ci/${name}`);
}

/** The README that helm-docs makes of values.yaml and README.md.gotmpl. */
export function writeReadme(chart: string, outputFile: string): Output {
  const options = ['--sort-values-order', 'file', '--template-files', 'README.md.gotmpl'];
  return runTool('helm-docs', ['-c', chart, ...options, '--log-level', 'warn', '--output-file', outputFile]);
}
