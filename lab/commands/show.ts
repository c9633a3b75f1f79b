import { KernelFailure, runInKernel } from '../kernel/run.ts';
import { prepare } from './prepare.ts';
import { makeRunDir, markIfKept } from './run-dir.ts';

/** `demo` and `bench`: sets up, then runs the command in the lab's kernel. Gives its exit code. */
export async function runShow(name: 'demo' | 'bench', args: string[]): Promise<number> {
  const made = await prepare(name === 'demo' ? { preferReady: true } : {});
  console.log(`kernel: ${made.kernel.name} (${made.kernel.release}): ${made.kernel.why}\n`);
  const runDir = await makeRunDir(name);
  try {
    const code = await runInKernel(made, { command: ['node', 'lab/guest.ts', name, ...args], runDir });
    await markIfKept(runDir);
    return code;
  } catch (error) {
    if (!(error instanceof KernelFailure)) throw error;
    console.error(`${error.message}\nEverything that was written is in ${runDir}`);
    return 70;
  }
}
