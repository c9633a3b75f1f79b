import { appendFileSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRole } from '../api.ts';
import type { LabContext } from '../context.ts';
import { run } from '../network/command.ts';
import { LabProcess, readLog, waitForLogLine } from '../processes.ts';
import { waitFor } from '../wait.ts';
import { type ContainerPlan, writeBundle } from './bundle.ts';

const longestDelayMs = 300_000;
/** A container that lived this long starts with the first pause again (a kubelet: ten minutes). */
const settledMs = 600_000;

/** One container under crun, kept running as a kubelet does: again after a pause that doubles. */
export class Container implements ContainerRole {
  readonly name: string;
  readonly logFile: string;
  readonly exits: number[] = [];
  readonly #context: LabContext;
  readonly #plan: ContainerPlan;
  /** Its bundle and pid files. */
  readonly directory: string;
  #crun: LabProcess | undefined;
  #starts = 0;
  #wanted: 'running' | 'dead' = 'dead';
  #delayMs: number;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(context: LabContext, plan: ContainerPlan) {
    this.#context = context;
    this.#plan = plan;
    this.name = plan.name;
    this.logFile = context.logFile(plan.name);
    this.directory = join(context.stateDir, 'containers', plan.name);
    this.#delayMs = context.restartDelayMs;
    writeBundle(this.directory, plan);
    context.atEnd(() => this.kill({ after: 'dead' }));
  }

  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  /** The container's first process, as this kernel's own PID namespace numbers it. */
  get pid(): number {
    if (this.#crun === undefined || !this.#crun.isRunning) return 0;
    try {
      return Number(readFileSync(this.#pidFile, 'utf8'));
    } catch {
      return 0;
    }
  }

  get #pidFile(): string {
    return join(this.directory, `pid-${this.#starts}`);
  }

  revive(): void {
    this.#wanted = 'running';
    clearTimeout(this.#restartTimer);
    if (this.#crun?.isRunning !== true) this.#start();
  }

  keepDead(): void {
    this.#wanted = 'dead';
    clearTimeout(this.#restartTimer);
  }

  #start(): void {
    if (this.#context.closing) return;
    this.#starts++;
    const id = `${this.#context.prefix}${this.name}-${this.#starts}`;
    const root = join(this.#context.stateDir, 'crun');
    const crun = new LabProcess({
      name: this.name,
      logFile: this.logFile,
      // No cgroup: the lab sets no limits, and making one costs more than the rest.
      command: [
        'crun',
        `--root=${root}`,
        '--cgroup-manager=disabled',
        'run',
        `--bundle=${this.directory}`,
        `--pid-file=${this.#pidFile}`,
        id,
      ],
    });
    this.#crun = crun;
    void crun.exited.then((code) => this.#ended(code, performance.now() - crun.startedAtMs));
  }

  #ended(code: number, livedMs: number): void {
    this.exits.push(code);
    rmSync(this.#pidFile, { force: true });
    if (this.#wanted === 'dead' || this.#context.closing) return;
    if (livedMs > settledMs) this.#delayMs = this.#context.restartDelayMs;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, longestDelayMs);
    this.#note(
      `ended with ${code} after ${(livedMs / 1000).toFixed(1)} s; started again in ${delayMs / 1000} s`,
    );
    this.#restartTimer = setTimeout(() => this.#start(), delayMs);
    this.#restartTimer.unref();
  }

  #note(text: string): void {
    this.#context.log(`${this.name}: ${text}`);
    appendFileSync(this.logFile, `[lab] ${this.name} ${text}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid !== 0) process.kill(pid, signal);
  }

  /** SIGKILL of the first process, which ends all of the container; it is started again unless `after` is dead. */
  async kill(options: { after?: 'restart' | 'dead' } = {}): Promise<void> {
    if (options.after === 'dead') this.keepDead();
    const crun = this.#crun;
    if (crun?.isRunning !== true) return;
    // Between the start of crun and that of the container there is no first process yet.
    await waitFor(`the first process of ${this.name}`, () => this.pid !== 0 || !crun.isRunning, {
      everyMs: 2,
    });
    this.signal('SIGKILL');
    await crun.exited;
  }

  async waitForExit(deadlineMs = 30_000): Promise<number> {
    return (await this.#crun?.waitForExit(deadlineMs)) ?? this.exits.at(-1) ?? 0;
  }

  pids(pattern: RegExp): number[] {
    const own = namespaceOf(this.pid);
    if (own === undefined) return [];
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && namespaceOf(pid) === own && pattern.test(commandLine(pid)));
  }

  async exec(command: string[], options: { timeoutMs?: number } = {}): Promise<string> {
    const { pid } = this;
    if (pid === 0) throw new Error(`${this.name} does not run, so nothing can be executed in it`);
    return run(enterContainer(pid, command), options);
  }

  logText(): string {
    return readLog(this.logFile);
  }

  waitForLog(pattern: RegExp, options: { deadlineMs?: number; sinceOffset?: number } = {}): Promise<string> {
    return waitForLogLine(this.logFile, pattern, options);
  }

  get plan(): ContainerPlan {
    return this.#plan;
  }
}

export function enterContainer(pid: number, command: string[]): string[] {
  return ['nsenter', '-t', String(pid), '-m', '-p', '-n', '-u', '-i', '--', ...command];
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
