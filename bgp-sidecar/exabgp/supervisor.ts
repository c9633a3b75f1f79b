/** Keeps one ExaBGP running: a death is answered by a new one, after a pause that grows while it keeps dying. */
import { monotonicMs } from '../../common/clock.ts';
import { reasonOf } from '../../common/problem.ts';
import type { ExabgpRun } from './process.ts';

const firstDelayMs = 100;
const longestDelayMs = 30_000;
/** A run this long was a good one: the next pause is the first again. */
const goodRunMs = 60_000;
const graceMs = 2_000;

export interface Supervisor {
  readonly run: ExabgpRun | undefined;
  /** It was asked to end, and has not yet. */
  readonly ending: boolean;
  start(): void;
  /** Ends it and starts it again at once. `kill`: it is not asked, since it does not listen. */
  restart(how: 'ask' | 'kill'): Promise<void>;
  /**
   * SIGUSR1: sessions whose definition stays are kept. False when that is not confirmed in time: ExaBGP passes the
   * signal over while routes wait for their first session (loop.py: reload_completed).
   */
  reload(deadlineMs: number): Promise<boolean>;
  /** What its log says of a reload. */
  reloaded(how: 'reloaded' | 'not-reloaded'): void;
  stop(how: 'ask' | 'kill'): Promise<void>;
}

export interface SupervisorParts {
  /** What it throws is an end like any other. */
  begin(): ExabgpRun;
  onStart(run: ExabgpRun): void;
  /** asked: we ended it. delayMs: when the next one starts. */
  onEnd(end: { how: string; asked: boolean; delayMs: number }): void;
}

export function superviseExabgp({ begin, onStart, onEnd }: SupervisorParts): Supervisor {
  let run: ExabgpRun | undefined;
  let asked = false;
  let stopped = true;
  let delayMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let onReloaded: ((how: 'reloaded' | 'not-reloaded') => void) | undefined;

  function start(): void {
    clearTimeout(timer);
    asked = false;
    const startedAtMs = monotonicMs();
    try {
      run = begin();
    } catch (error) {
      ended(`could not be started (${reasonOf(error)})`, startedAtMs);
      return;
    }
    onStart(run);
    void run.ended.then((how) => ended(how, startedAtMs));
  }

  function ended(how: string, startedAtMs: number): void {
    run = undefined;
    if (asked) delayMs = 0;
    else if (delayMs === 0 || monotonicMs() - startedAtMs > goodRunMs) delayMs = firstDelayMs;
    else delayMs = Math.min(delayMs * 3, longestDelayMs);
    onEnd({ how, asked, delayMs });
    if (!stopped) timer = setTimeout(start, delayMs);
  }

  async function end(how: 'ask' | 'kill'): Promise<void> {
    asked = true;
    await run?.end({ graceMs: how === 'kill' ? 0 : graceMs });
  }

  return {
    get run() {
      return run;
    },
    get ending() {
      return asked && run !== undefined;
    },
    start() {
      stopped = false;
      if (run === undefined) start();
    },
    restart: end,
    reload(deadlineMs) {
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, deadlineMs, false);
        onReloaded = (how) => {
          clearTimeout(timer);
          resolve(how === 'reloaded');
        };
        run?.reload();
      });
    },
    reloaded(how) {
      onReloaded?.(how);
      onReloaded = undefined;
    },
    stop(how) {
      stopped = true;
      clearTimeout(timer);
      return end(how);
    },
  };
}
