/** What the supervisor of keepalived takes and gives. */
import type { Logger } from '../../common/log.ts';
import type { DaemonExit } from './daemon.ts';
import type { CheckEvent } from './notify.ts';
import type { ReloadOutcome } from './reloads.ts';

export interface KeepalivedOptions {
  /** 'current/ipvs.conf' of the run directory. */
  readonly configFile: string;
  /** The FIFO named by lvs_notify_fifo; keepalived's pid files lie beside it. */
  readonly fifo: string;
  readonly log: Logger;
  /** default: CLOCK_MONOTONIC */
  readonly nowMs?: () => number;
  /** keepalived's parent process ended; it is started again after `restartInMs` (undefined: it was stopped). */
  readonly onExit?: (exit: DaemonExit & { readonly restartInMs: number | undefined }) => void;
  /** A check took a server out or put it back. */
  readonly onCheck?: (event: CheckEvent) => void;
  readonly program?: string;
  /** How long a start or reload may take until it is told as overdue. */
  readonly deadlineMs?: number;
}

export interface Keepalived {
  /** Once; resolves when the rules are in the kernel or the deadline is over. Keeps trying in either case. */
  start(): Promise<ReloadOutcome>;
  /** `servers` ('mark address:port'): those configured now; what checks said of others is forgotten. */
  reload(servers?: ReadonlySet<string>): Promise<ReloadOutcome>;
  /** SIGTERM, later SIGKILL; the kernel keeps the rules. */
  stop(): Promise<void>;
  readonly started: boolean;
  readonly alive: boolean;
  /** How often the parent was started again, and how often it started its checker again. */
  readonly restarts: number;
  readonly checkerRestarts: number;
  readonly pid: number | undefined;
  checkedOut(): ReadonlySet<string>;
}
