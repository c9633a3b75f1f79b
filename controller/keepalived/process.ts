/**
 * keepalived as a child process that is always there: started in the foreground, its output forwarded into the
 * log, told of changes by SIGHUP, started again when it dies. Nothing here ends the controller, and none of
 * its deaths takes rules out of the kernel (`--dont-release-ipvs`).
 */
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../common/clock.ts';
import type { Level } from '../../common/log.ts';
import { reasonOf } from '../../common/problem.ts';
import { type Daemon, type DaemonExit, launchDaemon } from './daemon.ts';
import { type CheckEvent, createCheckBook, type NotifyFifo, openNotifyFifo } from './notify.ts';
import { readOutputLine } from './output.ts';
import { createReloadQueue, type ReloadOutcome } from './reloads.ts';
import { watchForStuck } from './stuck.ts';
import { tellExit, tellOutcome } from './tell.ts';
import type { Keepalived, KeepalivedOptions } from './types.ts';

export type { Keepalived, KeepalivedOptions } from './types.ts';

const firstRestDelayMs = 100;
const longestRestDelayMs = 10_000;
/** One that lived this long before it died starts the delays from the beginning. */
const steadyMs = 60_000;

export function superviseKeepalived(options: KeepalivedOptions): Keepalived {
  const { fifo: fifoPath, log, nowMs = monotonicMs, deadlineMs = 15_000 } = options;
  const checks = createCheckBook();
  const aborted = new AbortController();
  let daemon: Daemon | undefined;
  let fifo: NotifyFifo | undefined;
  let fifoReady = Promise.resolve();
  let checkerPid: number | undefined;
  /** The loudest of what this run of keepalived said, the last of its kind: why it died, if it said so. */
  let fault = '';
  let faultLevel: Level = 'debug';
  let running: Promise<void> | undefined;
  let restarts = 0;
  let checkerRestarts = 0;
  let asksAgain = false;

  const stuckWatch = watchForStuck();
  const reloads = createReloadQueue({ nowMs, deadlineMs, sendHangup: () => daemon?.signal('SIGHUP') });

  const onEvent = (event: CheckEvent) => {
    if (checks.note(event)) options.onCheck?.(event);
  };

  /** Opened before keepalived starts, and again where someone removed it: keepalived then made its own. */
  const ensureFifo = () => {
    fifoReady = fifoReady.then(async () => {
      if (aborted.signal.aborted || (fifo && (await fifo.isInPlace()))) return;
      fifo?.close();
      fifo = undefined;
      fifo = await openNotifyFifo(fifoPath, onEvent);
    });
    fifoReady = fifoReady.catch((problem) => {
      log.error('keepalived-fifo', { fifo: fifoPath }, reasonOf(problem));
    });
    return fifoReady;
  };

  const onLine = (raw: string) => {
    const { message, level, milestone } = readOutputLine(raw, reloads.busy ? 'busy' : 'idle');
    log[level]('keepalived', {}, message);
    if (level === 'error' || (level === 'warn' && faultLevel !== 'error'))
      [fault, faultLevel] = [message, level];
    switch (milestone?.kind) {
      case 'child-started':
        fifo?.drain();
        checkerPid = milestone.pid;
        break;
      case 'child-died':
        fifo?.drain();
        checks.inherit();
        checkerRestarts++;
        reloads.childDied();
        break;
      case 'loaded':
        fifo?.drain();
        checks.forgetInherited();
        void ensureFifo();
        reloads.loaded();
        break;
      case 'reload-refused':
        reloads.refused();
        break;
    }
  };

  const runOnce = async (): Promise<DaemonExit> => {
    await ensureFifo();
    const runDirectory = dirname(fifoPath);
    checks.inherit();
    daemon = await launchDaemon({ ...options, runDirectory, onLine });
    if (aborted.signal.aborted) daemon.signal('SIGTERM');
    [fault, faultLevel] = ['', 'debug'];
    reloads.processStarted();
    const exit = await daemon.ended(() => checkerPid);
    reloads.processGone();
    fifo?.drain();
    daemon = undefined;
    checkerPid = undefined;
    return exit;
  };

  const runAlways = async () => {
    let delayMs = firstRestDelayMs;
    while (!aborted.signal.aborted) {
      const startedAtMs = nowMs();
      const exit = await runOnce();
      const restartInMs = aborted.signal.aborted ? undefined : delayMs;
      tellExit(log, exit, { fault, restartInMs });
      options.onExit?.({ ...exit, restartInMs });
      if (restartInMs === undefined) return;
      delayMs =
        nowMs() - startedAtMs > steadyMs ? firstRestDelayMs : Math.min(delayMs * 2, longestRestDelayMs);
      await sleep(restartInMs, undefined, { signal: aborted.signal }).catch(() => undefined);
      restarts++;
    }
  };

  /** One that says nothing is asked again, and killed when it does not even stir at that. */
  const heard = (outcome: ReloadOutcome): void => {
    if (outcome.kind !== 'overdue') stuckWatch.heard();
    if (outcome.kind !== 'overdue' || aborted.signal.aborted || asksAgain) return;
    asksAgain = true;
    void stuckWatch.overdue([daemon?.pid, checkerPid]).then(async (stuck) => {
      if (stuck !== undefined) {
        log.error('keepalived-stuck', { pid: stuck }, `keepalived hangs (process ${stuck}): it is killed`);
        stuckWatch.heard();
        daemon?.kill(checkerPid);
      }
      const next = await reloads.request();
      asksAgain = false;
      heard(next);
    });
  };

  return {
    async start() {
      const asked = reloads.request();
      running ??= runAlways();
      const outcome = await asked;
      heard(outcome);
      return tellOutcome(log, 'start', outcome);
    },
    async reload(servers) {
      const outcome = await reloads.request();
      if (servers) checks.keepOnly(servers);
      heard(outcome);
      return tellOutcome(log, 'reload', outcome);
    },
    async stop() {
      aborted.abort();
      daemon?.signal('SIGTERM');
      await running;
      await fifoReady;
      reloads.close();
      fifo?.close();
      fifo = undefined;
    },
    get started() {
      return running !== undefined;
    },
    get alive() {
      return daemon !== undefined;
    },
    get restarts() {
      return restarts;
    },
    get checkerRestarts() {
      return checkerRestarts;
    },
    get pid() {
      return daemon?.pid;
    },
    checkedOut: () => checks.out,
  };
}
