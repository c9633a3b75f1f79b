/** One run of ExaBGP: its output goes into our log, its end is told with the reason. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Logger } from '../../common/log.ts';
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

export function runExabgp({ program, configFile, env, log, onLine }: RunParts): ExabgpRun {
  let ending = false;
  // the file of environment settings that does not exist: everything is in env
  const [first = '', ...rest] = bindToUs([program, '--env', '/nonexistent', configFile], env.PATH);
  const child = spawn(first, rest, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => {
      const line = readLogLine(text);
      if (line === undefined) return;
      // while it ends, a helper that meets a closed pipe is no news
      const level = ending ? 'debug' : line.level;
      log[level]('exabgp', { source: line.source }, `exabgp: ${line.text}`);
      onLine(line);
    });
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started (${error.message})`));
    child.once('exit', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `exited with code ${code}`),
    );
  });

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

/**
 * The kernel ends it with us, also by kill -9 of us where no PID namespace does (prctl(2), PR_SET_PDEATHSIG). Without
 * setpriv of util-linux it ends by itself within a second, when helper after helper finds our socket closed.
 */
function bindToUs(command: string[], path = ''): string[] {
  const setpriv = path
    .split(':')
    .map((directory) => join(directory, 'setpriv'))
    .find(existsSync);
  return setpriv === undefined ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
}

/** From /proc: ExaBGP does not tell the pid of its helper, and children files are not in every kernel. */
function childrenOf({ pid }: ChildProcess): number[] {
  if (pid === undefined) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
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
