import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetUpFailure } from './failure.ts';
import { takeLock } from './lock.ts';
import { openTools } from './tools.ts';
import type { Step } from './types.ts';

export interface Runner {
  /** Runs what is not done yet. Throws SetUpFailure. */
  run(steps: Step[]): Promise<void>;
}

const lastLines = 12;

/** Steps keep logs and a lock in the cache folder; `print` takes text as it comes, not only whole lines. */
export function createRunner(cacheDir: string, print: (text: string) => void): Runner {
  return {
    async run(steps) {
      if ((await pending(steps)).length === 0) return;
      mkdirSync(join(cacheDir, 'logs'), { recursive: true });
      const lock = await takeLock(join(cacheDir, 'set-up.lock'), (owner) =>
        print(`set-up: waiting for another set-up of the lab (process ${owner}) to finish\n`),
      );
      try {
        // Asked again step by step: the other set-up, or an earlier step, may have done it.
        for (const step of steps) if (!(await step.isDone())) await runStep(step, cacheDir, print);
      } finally {
        await lock.release();
      }
    },
  };
}

async function pending(steps: Step[]): Promise<Step[]> {
  const answers = await Promise.all(steps.map((step) => step.isDone()));
  return steps.filter((_, at) => !answers[at]);
}

async function runStep(step: Step, cacheDir: string, print: (text: string) => void): Promise<void> {
  const startedMs = performance.now();
  const seconds = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  const logFile = join(cacheDir, 'logs', `${step.title.toLowerCase().replace(/[^a-z0-9.]+/g, '-')}.log`);
  appendFileSync(logFile, `\n== ${new Date().toISOString()} ${step.title}\n`);
  print(`set-up: ${step.title} … `);
  try {
    await step.run(openTools(logFile));
    if (!(await step.isDone())) throw new Error('it ended without an error, yet what it makes is not there');
    print(`${seconds()}\n`);
  } catch (error) {
    print(`failed after ${seconds()}\n`);
    throw new SetUpFailure(describeFailure(step, error, logFile));
  }
}

function describeFailure(step: Step, error: unknown, logFile: string): string {
  const why = error instanceof Error ? error.message : String(error);
  const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lastLines);
  return [
    `Set-up failed at: ${step.title}`,
    `Why: ${why}`,
    `What to do: ${step.remedy} Then run the same command again; what is done is kept.`,
    `The end of ${logFile}:`,
    ...tail.map((line) => `  ${line}`),
  ].join('\n');
}
