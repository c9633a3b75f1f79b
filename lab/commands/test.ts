import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkout } from '../kernel/places.ts';
import { KernelFailure, runInKernel } from '../kernel/run.ts';
import { readWantedKernel } from '../setup/config.ts';
import type { KernelName } from '../setup/steps.ts';
import { prepare } from './prepare.ts';
import { makeRunDir } from './run-dir.ts';

const mocha = 'node_modules/mocha/bin/mocha.js';
/** Tests with this word in their title run on the old kernel too. */
const bothTag = '@both';
const allLabFiles = 'test/lab/**/*.test.ts';

interface Counts {
  passed: number;
  failed: number;
  /** By Ctrl-C: the parts that follow are not begun. */
  interrupted?: boolean;
}

interface Part {
  /** What the reader sees before the part's lines. */
  title: string;
  kernel?: KernelName;
  mochaArgs: string[];
}

export const testUsage = `test [--unit-only | --lab-only] [--kernel host|latest|6.1] [--grep TEXT] [FILE…]`;

/** `test`: every test, unit tests here and the lab's in its kernels; the last line is the sum. */
export async function runTests(args: string[]): Promise<number> {
  const runDir = await makeRunDir('test');
  const sum: Counts = { passed: 0, failed: 0 };
  for (const part of planParts(args)) {
    console.log(`\n${part.title}`);
    const counts = await runPart(part, runDir);
    sum.passed += counts.passed;
    sum.failed += counts.failed;
    if (counts.interrupted === true) break;
  }
  console.log(`\nlogs: ${runDir}`);
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

function planParts(args: string[]): Part[] {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { 'unit-only': flag, 'lab-only': flag, grep: text, kernel: text },
  });
  const unitFiles = positionals.filter((file) => !isLabFile(file));
  const labFiles = positionals.filter(isLabFile);
  const skipUnit = values['lab-only'] === true || (unitFiles.length === 0 && labFiles.length > 0);
  const skipLab = values['unit-only'] === true || (labFiles.length === 0 && unitFiles.length > 0);
  const wanted = (values.kernel as KernelName | undefined) ?? readWantedKernel();
  const grep = values.grep;
  const parts: Part[] = [];
  if (!skipUnit) {
    // With files named, mocha's own configuration is left out: it would add all the others.
    const unit = unitFiles.length > 0 ? ['--no-config', '--timeout', '10000', ...unitFiles] : [];
    parts.push({ title: 'unit tests', mochaArgs: [...unit, ...pattern(grep)] });
  }
  if (skipLab) return parts;
  const lab = ['--config', '.mocharc.lab.json', ...(labFiles.length > 0 ? labFiles : [allLabFiles])];
  if (wanted !== '6.1') {
    const kernel = wanted ?? 'latest';
    parts.push({ title: `lab tests, kernel ${kernel}`, kernel, mochaArgs: [...lab, ...pattern(grep)] });
  }
  if (wanted === undefined || wanted === '6.1') {
    parts.push({
      title: `lab tests, kernel 6.1 (those marked ${bothTag})`,
      kernel: '6.1',
      mochaArgs: [...lab, ...pattern(`(?=.*${bothTag})${grep === undefined ? '' : `(?=.*${grep})`}`)],
    });
  }
  return parts;
}

function isLabFile(file: string): boolean {
  return file.includes('test/lab');
}

function pattern(grep: string | undefined): string[] {
  return grep === undefined ? [] : ['--grep', grep];
}

const interruptedCode = 130;

async function runPart(part: Part, runDir: string): Promise<Counts> {
  const countsFile = join(runDir, `counts-${part.kernel ?? 'unit'}.json`);
  const command = [
    mocha,
    ...part.mochaArgs,
    '--reporter',
    './test/reporter.ts',
    '--reporter-option',
    `counts=${countsFile}`,
  ];
  const code =
    part.kernel === undefined ? await runHere(command) : await runInLab(part.kernel, command, runDir);
  if (existsSync(countsFile)) {
    const counts: Counts & { finished: boolean } = JSON.parse(readFileSync(countsFile, 'utf8'));
    if (counts.finished && (code === 0 || counts.failed > 0)) return counts;
    console.log(`  ✗ ${part.title}: ended with exit code ${code} before all tests had run`);
    return { passed: counts.passed, failed: counts.failed + 1, interrupted: code === interruptedCode };
  }
  console.log(`  ✗ ${part.title}: no test ran (exit code ${code})`);
  return { passed: 0, failed: 1, interrupted: code === interruptedCode };
}

function runHere(command: string[]): Promise<number> {
  const child = spawn(process.execPath, command, { cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

async function runInLab(kernel: KernelName, command: string[], runDir: string): Promise<number> {
  const made = await prepare({ kernel });
  try {
    return await runInKernel(made, { command: ['node', ...command], runDir });
  } catch (error) {
    if (!(error instanceof KernelFailure)) throw error;
    console.log(`  ✗ ${error.message}`);
    return 70;
  }
}
