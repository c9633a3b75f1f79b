// node lab/guest.ts demo|bench ARGS…: what runs inside the lab's kernel. Each is a module with
// `run(args): Promise<number>`, whose result is the exit code.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { detach } from './kernel/guest.ts';
import { closeOpenLabs, openLabsNow } from './lab.ts';
import { logTails } from './log-tails.ts';

const programs: Record<string, string> = { demo: './demo/main.ts', bench: './bench/main.ts' };

const [name = '', ...args] = process.argv.slice(2);
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, async () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    await closeOpenLabs();
    process.exit(130);
  });
}
try {
  process.exitCode = await main();
} catch (error) {
  console.error(`\n${logTails()}\n\n${name} broke off: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  if (!interrupted) await closeOpenLabs();
}
process.exit();

async function main(): Promise<number> {
  const file = programs[name];
  if (file === undefined || !existsSync(join(import.meta.dirname, file))) {
    console.error(`usage: node lab/guest.ts ${Object.keys(programs).join('|')} [ARGS…]`);
    return 2;
  }
  const { run }: { run(args: string[]): Promise<number> } = await import(file);
  const code = await run(args);
  if (args.includes('--keep') && openLabsNow().length > 0) await keep(code);
  return code;
}

/** The front end returns with the code; the lab stays until `down` sends SIGTERM. */
async function keep(code: number): Promise<never> {
  console.log(`
The lab goes on. To look inside:
  npm run lab -- ls
  npm run lab -- exec router ip route
  npm run lab -- logs a-lb-1.controller -f
  npm run lab -- down`);
  detach(code);
  // A timer, since a promise alone does not keep a process alive.
  setInterval(() => {}, 60_000);
  return new Promise<never>(() => {});
}
