import { copyFileSync, existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { checkout } from '../kernel/places.ts';
import { KernelFailure, runInKernel } from '../kernel/run.ts';
import { prepare } from './prepare.ts';
import { makeRunDir, markIfKept } from './run-dir.ts';

/** `demo` and `bench`: sets up, then runs the command in the lab's kernel. Gives its exit code. */
export async function runShow(name: 'demo' | 'bench', args: string[]): Promise<number> {
  if (name === 'demo') parseArgs({ args, options: { keep: { type: 'boolean' } } });
  const made = await prepare(name === 'demo' ? { preferReady: true } : {});
  console.log(`kernel: ${made.kernel.name} (${made.kernel.release}): ${made.kernel.why}\n`);
  const runDir = await makeRunDir(name);
  try {
    const code = await runInKernel(made, { command: ['node', 'lab/guest.ts', name, ...args], runDir });
    await markIfKept(runDir);
    if (name === 'bench') keepResult(runDir);
    return code;
  } catch (error) {
    if (!(error instanceof KernelFailure)) throw error;
    console.error(`${error.message}\nEverything that was written is in ${runDir}`);
    return 70;
  }
}

/** The newest figures are always found at one place. */
function keepResult(runDir: string): void {
  const result = join(runDir, 'bench.json');
  const newest = join(checkout, '.lab', 'bench.json');
  if (!existsSync(result)) return;
  copyFileSync(result, newest);
  console.log(`figures as JSON: ${relative(checkout, newest)}`);
}
