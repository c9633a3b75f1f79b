// node lab/kernel/shell.ts [--kernel host|latest|6.1] [--memory MIB] -- COMMAND…: runs a command in a fresh guest
// from the checkout and exits with its code.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setUp } from '../setup/steps.ts';
import type { KernelName } from '../setup/types.ts';
import { KernelFailure, runInKernel } from './run.ts';

const { values, positionals } = parseArgs({
  options: { kernel: { type: 'string' }, memory: { type: 'string' } },
  allowPositionals: true,
});
if (positionals.length === 0) {
  console.error('usage: node lab/kernel/shell.ts [--kernel host|latest|6.1] [--memory MIB] -- COMMAND…');
  process.exit(2);
}
const wanted = values.kernel as KernelName | undefined;
const made = await setUp({ ...(wanted === undefined ? {} : { kernel: wanted }), preferReady: true });
const runDir = mkdtempSync(join(tmpdir(), 'portable-lb-'));
try {
  process.exitCode = await runInKernel(made, {
    command: positionals,
    runDir,
    ...(values.memory === undefined ? {} : { memoryMiB: Number(values.memory) }),
  });
  if (!process.env.KEEP) rmSync(runDir, { recursive: true, force: true });
} catch (error) {
  if (!(error instanceof KernelFailure)) throw error;
  console.error(`${error.message}\nEverything it wrote is in ${runDir}`);
  process.exitCode = 70;
}
