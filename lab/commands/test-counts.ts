/** How mocha is called, and what it counted. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from './test-plan.ts';

const mocha = 'node_modules/mocha/bin/mocha.js';
const interruptedCode = 130;

export interface Counts {
  passed: number;
  failed: number;
  /** What failed, in which job, and in short why: `failed` of them. */
  failures: string[];
  /** By Ctrl-C: jobs that follow are not begun. */
  interrupted?: boolean;
}

/** Arguments of node. */
export function mochaCommand({ mochaArgs }: Job, runDir: string): string[] {
  const reporter = ['--reporter', './test/reporter.ts', '--reporter-option', `counts=${countsFile(runDir)}`];
  return [mocha, ...mochaArgs, ...reporter];
}

function countsFile(runDir: string): string {
  return join(runDir, 'counts.json');
}

/** A part that did not get to its end has failed, whatever it counted. */
export function readCounts({ name, mochaArgs }: Job, runDir: string, code: number): Counts {
  const interrupted = code === interruptedCode;
  const fail = (passed: number, failures: string[], what: string): Counts => {
    const failure = `${name} ✗ ${what}: ${mochaArgs.join(' ')}`;
    console.log(`  ${failure}`);
    return { passed, failed: failures.length + 1, failures: [...failures, failure], interrupted };
  };
  if (!existsSync(countsFile(runDir))) return fail(0, [], `no test ran (exit code ${code})`);
  const counts: Counts & { finished: boolean } = JSON.parse(readFileSync(countsFile(runDir), 'utf8'));
  const failures = counts.failures.map((failure) => `${name} ✗ ${failure}`);
  if (counts.finished && (code === 0 || counts.failed > 0)) return { ...counts, failures };
  return fail(counts.passed, failures, `ended with exit code ${code} before all tests had run`);
}
