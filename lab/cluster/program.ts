import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { waitFor } from '../wait.ts';

export interface ProgramPlan {
  name: string;
  argv: string[];
  logFile: string;
  /** Folder with the file of its pid. */
  pidFolder: string;
}

/**
 * A program of the cluster that outlives who started it: its pid is in a file, so that every process in the cluster's
 * PID namespace can stop it and start it again. It ends with that namespace.
 */
export class Program {
  readonly plan: ProgramPlan;

  constructor(plan: ProgramPlan) {
    this.plan = plan;
  }

  get logFile(): string {
    return this.plan.logFile;
  }

  /** 0: it does not run. */
  get pid(): number {
    const file = this.#pidFile;
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    return pid > 0 && isAlive(pid) ? pid : 0;
  }

  start(): void {
    if (this.pid > 0) return;
    const { argv, logFile, pidFolder } = this.plan;
    mkdirSync(pidFolder, { recursive: true });
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a');
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.on('error', (error) => console.error(`${this.plan.name} does not start: ${error.message}`));
    child.unref();
    if (child.pid !== undefined) writeFileSync(this.#pidFile, String(child.pid));
  }

  /** Resolves when it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', deadlineMs = 60_000): Promise<void> {
    const pid = this.pid;
    if (pid > 0) {
      process.kill(pid, signal);
      await waitFor(`the end of ${this.plan.name} (pid ${pid})`, () => !isAlive(pid), { deadlineMs });
    }
    rmSync(this.#pidFile, { force: true });
  }

  /** Throws where it has ended: for those who wait for something from it. */
  mustRun(): void {
    if (this.pid === 0)
      throw new Error(`${this.plan.name} has ended; the end of ${this.logFile}:\n${this.logTail()}`);
  }

  logTail(lines = 12): string {
    return existsSync(this.logFile)
      ? readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
      : '';
  }

  get #pidFile(): string {
    return join(this.plan.pidFolder, `${this.plan.name}.pid`);
  }
}

/**
 * A zombie, whose parent has not asked for it yet, is not alive, unless other threads of it still are: they keep its
 * sockets open, and whoever is started then finds its port in use.
 */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const isZombie = stat.slice(stat.lastIndexOf(')') + 2)[0] === 'Z';
    return !isZombie || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}
