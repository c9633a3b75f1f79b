import { join } from 'node:path';
import { LabProcess, type ProcessPlan } from './processes.ts';

/** What every role of one lab shares. */
export class LabContext {
  readonly runId: string;
  /** Kept: logs. */
  readonly runDir: string;
  /** In memory, gone with the lab: configuration, sockets, manifests, shared directories. */
  readonly stateDir: string;
  readonly restartDelayMs: number;
  readonly log: (line: string) => void;
  /** Names of namespaces begin with this. */
  readonly prefix: string;
  readonly #endings: (() => Promise<void> | void)[] = [];
  closing = false;
  /** Called when a role's processes changed. */
  onDescribe: () => void = () => {};

  constructor(options: {
    runId: string;
    runDir: string;
    stateDir: string;
    restartDelayMs: number;
    log: (line: string) => void;
  }) {
    this.runId = options.runId;
    this.runDir = options.runDir;
    this.stateDir = options.stateDir;
    this.restartDelayMs = options.restartDelayMs;
    this.log = options.log;
    this.prefix = `plb-${options.runId}-`;
  }

  namespace(role: string): string {
    return `${this.prefix}${role}`;
  }

  logFile(name: string): string {
    return join(this.runDir, 'logs', `${name}.log`);
  }

  /** Starts a program that ends with the lab. */
  start(plan: Omit<ProcessPlan, 'logFile'> & { logName?: string }): LabProcess {
    if (this.closing) throw new Error(`${plan.name} is not started: the lab is being closed`);
    const started = new LabProcess({ ...plan, logFile: this.logFile(plan.logName ?? plan.name) });
    this.atEnd(() => started.kill());
    return started;
  }

  /** Runs when the lab is closed, last added first. */
  atEnd(ending: () => Promise<void> | void): void {
    this.#endings.push(ending);
  }

  /** All at once: what they end are processes that do not need each other any more. */
  async end(): Promise<void> {
    this.closing = true;
    await Promise.allSettled(this.#endings.splice(0).map(async (ending) => ending()));
  }
}
