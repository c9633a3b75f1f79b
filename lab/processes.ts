import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { waitFor } from './wait.ts';

const signalNumbers: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

export interface ProcessPlan {
  name: string;
  command: string[];
  logFile: string;
  env?: Record<string, string>;
  cwd?: string;
  /** 'log' (default): stdout goes into the log; 'pipe': to `stdout`, stderr still into the log. */
  stdout?: 'log' | 'pipe';
  /** An IPC channel to a Node program. */
  ipc?: 'open';
}

/** A program of the lab. It gets its log file as stdout and stderr, so its output never passes through this process. */
export class LabProcess {
  readonly name: string;
  readonly logFile: string;
  readonly child: ChildProcess;
  readonly exited: Promise<number>;
  /** When the program was started, on performance.now(). */
  readonly startedAtMs = performance.now();

  constructor(plan: ProcessPlan) {
    this.name = plan.name;
    this.logFile = plan.logFile;
    mkdirSync(dirname(plan.logFile), { recursive: true });
    const log = openSync(plan.logFile, 'a');
    const [program = '', ...args] = plan.command;
    this.child = spawn(program, args, {
      cwd: plan.cwd,
      env: { ...process.env, ...plan.env },
      // A group of its own: Ctrl-C reaches only the lab, which ends the rest in order; and kill() gets workers too.
      detached: true,
      stdio: ['ignore', plan.stdout === 'pipe' ? 'pipe' : log, log, ...(plan.ipc ? ['ipc' as const] : [])],
    });
    closeSync(log);
    this.exited = new Promise((resolve) => {
      this.child.once('error', () => resolve(127));
      this.child.once('exit', (code, signal) => resolve(code ?? 128 + (signalNumbers[signal ?? ''] ?? 0)));
    });
  }

  get pid(): number {
    return this.isRunning ? (this.child.pid ?? 0) : 0;
  }

  get isRunning(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  get stdout(): NonNullable<ChildProcess['stdout']> {
    if (this.child.stdout === null) throw new Error(`${this.name}: its output goes into ${this.logFile}`);
    return this.child.stdout;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGKILL of the program and of what it started (its process group). */
  async kill(): Promise<void> {
    try {
      if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Nothing of it is left.
    }
    await this.exited;
  }

  async waitForExit(deadlineMs = 30_000): Promise<number> {
    let code: number | undefined;
    void this.exited.then((exitCode) => (code = exitCode));
    return waitFor(`the end of ${this.name} (pid ${this.child.pid})`, () => code ?? { notYet: 'it runs' }, {
      deadlineMs,
    });
  }

  logText(): string {
    return readLog(this.logFile);
  }

  waitForLog(pattern: RegExp, options: { deadlineMs?: number; sinceOffset?: number } = {}): Promise<string> {
    return waitForLogLine(this.logFile, pattern, options);
  }
}

export function readLog(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8');
  } catch {
    return '';
  }
}

export function waitForLogLine(
  logFile: string,
  pattern: RegExp,
  { deadlineMs = 30_000, sinceOffset = 0 }: { deadlineMs?: number; sinceOffset?: number },
): Promise<string> {
  return waitFor(
    `a line like ${pattern} in ${logFile}`,
    () => {
      const lines = readLog(logFile).slice(sinceOffset).split('\n');
      const last = lines.findLast((line) => line.trim() !== '');
      return lines.find((line) => pattern.test(line)) ?? { notYet: `last line: ${last ?? '(none)'}` };
    },
    { deadlineMs, everyMs: 30 },
  );
}

/** TCP sockets of a process' network namespace as the kernel lists them, without a program to ask. */
export function tcpSockets(
  pid: number,
): { localPort: number; remotePort: number; state: 'listen' | 'established' | 'other' }[] {
  const states: Record<string, 'listen' | 'established'> = { '0A': 'listen', '01': 'established' };
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/net/tcp`, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
      const port = (end: string) => Number.parseInt(end.split(':')[1] ?? '0', 16);
      return { localPort: port(local), remotePort: port(remote), state: states[state] ?? 'other' };
    });
}
