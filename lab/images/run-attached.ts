import { spawn } from 'node:child_process';
import { SetUpFailure } from '../setup/failure.ts';

/** Runs a command whose output the reader sees as it comes. Throws SetUpFailure when it fails. */
export async function runAttached(argv: string[]): Promise<void> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const end = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(String(code ?? signal)));
  });
  if (end === '0') return;
  throw new SetUpFailure(
    `${argv.slice(0, 2).join(' ')} ended with ${end}: its last lines say why. Where docker.io cannot be reached, "npm run images -- --bases debian" needs no registry.`,
  );
}
