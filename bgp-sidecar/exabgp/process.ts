/** One run of ExaBGP: its output goes into our log, its end is told with the reason. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Logger } from '../../common/log.ts';
import { exabgpCommand } from './command.ts';
import { type LogLine, readLogLine } from './log-lines.ts';

export interface ExabgpRun {
  readonly pid: number;
  /** How it ended, in words; never rejects. */
  readonly ended: Promise<string>;
  reload(): void;
  /** SIGTERM, and SIGKILL when that is not obeyed; resolves when it has ended. */
  end(options: { graceMs: number }): Promise<void>;
  /** SIGKILL of its helper processes: ExaBGP starts a new one. */
  killHelpers(): void;
}

export interface RunParts {
  program: string;
  configFile: string;
  env: Record<string, string>;
  log: Logger;
  onLine(line: LogLine): void;
}

/** Throws where the machine cannot make a process (spawn: ENOMEM, EPERM). */
export function runExabgp({ program, configFile, env, log, onLine }: RunParts): ExabgpRun {
  let ending = false;
  const [first = '', ...rest] = exabgpCommand(program, configFile, env.PATH);
  const child = spawn(first, rest, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started (${error.message})`));
    child.once('exit', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `exited with code ${code}`),
    );
  });
  for (const stream of [child.stdout, child.stderr]) {
    // without file descriptors there is none, whatever the types say: `error` follows
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (text) => {
      const line = readLogLine(text);
      if (line === undefined) return;
      // while it ends, a helper that meets a closed pipe is no news
      const level = ending ? 'debug' : line.level;
      log[level]('exabgp', { source: line.source }, `exabgp: ${line.text}`);
      onLine(line);
    });
  }

  return {
    pid: child.pid ?? 0,
    ended,
    reload: () => void child.kill('SIGUSR1'),
    async end({ graceMs }) {
      ending = true;
      const helpers = childrenOf(child);
      if (graceMs > 0) child.kill('SIGTERM');
      else child.kill('SIGKILL');
      // a stopped process obeys nothing but SIGKILL
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
      killAll(helpers);
    },
    killHelpers: () => killAll(childrenOf(child)),
  };
}

/** From /proc: ExaBGP does not tell the pid of its helper, and children files are not in every kernel. */
function childrenOf({ pid }: ChildProcess): number[] {
  if (pid === undefined) return [];
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
      .map(Number);
  } catch {
    // no file descriptor is left: helpers end when their socket is closed
    return [];
  }
}

function parentOf(pid: string): number | undefined {
  try {
    // "pid (name) state ppid …", and the name may hold anything
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function killAll(pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  }
}
