/** One run of keepalived, from its start until the last of its processes is gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCode } from '../../common/problem.ts';

export interface DaemonExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started at all. */
  readonly failure?: string;
}

export interface Daemon {
  readonly pid: number | undefined;
  signal(name: 'SIGHUP' | 'SIGTERM'): void;
  /** SIGKILL of both: a checker that stands still would outlive its parent. */
  kill(checkerPid: number | undefined): void;
  /** Resolves when parent and checker are gone; a checker that outlives its parent is killed. */
  ended(checkerPid: () => number | undefined): Promise<DaemonExit>;
}

export interface DaemonOptions {
  readonly configFile: string;
  readonly runDirectory: string;
  readonly onLine: (line: string) => void;
  readonly program?: string;
}

/** keepalived's parent gives its child 5 s to stop (main.c child_wait_time). */
const stopMs = 7_000;
const orphanMs = 2_000;

export async function launchDaemon({
  configFile,
  runDirectory,
  onLine,
  program = 'keepalived',
}: DaemonOptions): Promise<Daemon> {
  const pidFile = join(runDirectory, 'keepalived.pid');
  const checkersPidFile = join(runDirectory, 'checkers.pid');
  for (const file of [pidFile, checkersPidFile]) await endLeftover(file);
  const options = [
    // --all: a checker even while the configuration has no virtual service yet; before --check and --no_bfd,
    // which take the other subsystems out again.
    ...['--all', '--check', '--no_bfd', '--dont-fork', '--log-console', '--no-syslog', '--dont-release-ipvs'],
    ...['--pid', pidFile, '--checkers_pid', checkersPidFile, '--use-file', configFile],
  ];
  // setpriv (util-linux) has the kernel kill keepalived when the controller dies by SIGKILL outside a PID
  // namespace; without setpriv only the container's end does.
  let child = await start('setpriv', ['--pdeathsig', 'KILL', program, ...options], onLine);
  if ('error' in child && systemCode(child.error) === 'ENOENT') child = await start(program, options, onLine);
  if ('error' in child) return failedDaemon(`${program} cannot be started: ${child.error.message}`);
  return watchDaemon(child.process);
}

type Started = { process: ChildProcess } | { error: Error };

async function start(program: string, args: string[], onLine: (line: string) => void): Promise<Started> {
  try {
    // detached: a Ctrl-C on the controller's terminal is not keepalived's to take
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', onLine);
    await once(child, 'spawn');
    child.on('error', (error) => onLine(error.message));
    return { process: child };
  } catch (error) {
    return { error: error as Error };
  }
}

function failedDaemon(failure: string): Daemon {
  return {
    pid: undefined,
    signal: () => undefined,
    kill: () => undefined,
    ended: async () => ({ code: null, signal: null, failure }),
  };
}

function watchDaemon(child: ChildProcess): Daemon {
  let killTimer: NodeJS.Timeout | undefined;
  // 'close' comes when every holder of the pipes is gone: the checker too.
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  return {
    pid: child.pid,
    signal(name) {
      child.kill(name);
      if (name === 'SIGTERM') killTimer ??= setTimeout(() => child.kill('SIGKILL'), stopMs);
    },
    kill(checkerPid) {
      child.kill('SIGKILL');
      if (checkerPid !== undefined) sendSignal(checkerPid, 'SIGKILL');
    },
    async ended(checkerPid) {
      const exit = await exited;
      clearTimeout(killTimer);
      const pid = checkerPid();
      const orphanTimer = setTimeout(() => pid !== undefined && sendSignal(pid, 'SIGKILL'), orphanMs);
      const giveUp = sleep(2 * orphanMs, undefined, { ref: false });
      await Promise.race([closed, giveUp]);
      clearTimeout(orphanTimer);
      child.stdout?.destroy();
      child.stderr?.destroy();
      return exit;
    },
  };
}

/**
 * A pid file of an earlier run. keepalived 2.2.7 believes any living process of that number to be itself and
 * will not start; in a new container the number is someone else's. A keepalived that really is still there
 * belongs to a controller that died: it is on its way out, and is killed if it is not.
 */
async function endLeftover(pidFile: string): Promise<void> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  for (let waitedMs = 0; pid > 1 && (await commandOf(pid)) === 'keepalived'; waitedMs += 20) {
    if (waitedMs >= orphanMs) sendSignal(pid, 'SIGKILL');
    if (waitedMs >= 2 * orphanMs) break;
    await sleep(20);
  }
  await rm(pidFile, { force: true });
}

async function commandOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}
