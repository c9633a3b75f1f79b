import { spawn } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CommandOptions, StepTools } from './types.ts';

// A command dies with set-up, also by kill -9, with all that it started, and leaves no mount behind.
const bound = [
  'setpriv',
  '--pdeathsig',
  'KILL',
  'unshare',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
];

export function openTools(logFile: string): StepTools {
  const log = (line: string) => appendFileSync(logFile, `${line}\n`);
  return {
    log,
    command: (argv, options = {}) => runCommand(argv, options, logFile),
    async makeFolder(target, make) {
      const temporary = `${target}.making-${process.pid}`;
      removeLeftovers(target);
      mkdirSync(temporary, { recursive: true });
      await make(temporary);
      if (existsSync(target)) rmSync(target, { recursive: true });
      renameSync(temporary, target);
    },
  };
}

/** What an interrupted set-up left: the lock says that nobody works on it any more. */
function removeLeftovers(target: string): void {
  if (!existsSync(dirname(target))) return;
  for (const name of readdirSync(dirname(target))) {
    if (name.startsWith(`${basename(target)}.making-`))
      rmSync(join(dirname(target), name), { recursive: true });
  }
}

async function runCommand(argv: string[], options: CommandOptions, logFile: string): Promise<void> {
  appendFileSync(logFile, `$ ${argv.join(' ')}\n`);
  const [program = '', ...args] = options.mustFinish === 'yes' ? argv : [...bound, ...argv];
  const log = openSync(logFile, 'a');
  const code = await new Promise<string>((done, refuse) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...options.env },
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', log, log],
      // Ctrl-C at the terminal is not for a command that must finish.
      detached: options.mustFinish === 'yes',
    });
    child.once('error', (error) => refuse(new Error(`cannot start ${program}: ${error.message}`)));
    child.once('exit', (code, signal) => done(String(code ?? signal)));
    child.stdin?.end(options.stdin);
  }).finally(() => closeSync(log));
  if (code !== '0') throw new Error(`${argv[0]} ended with ${code}`);
}
