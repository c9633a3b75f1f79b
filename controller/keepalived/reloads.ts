/**
 * Which requests to reload keepalived has taken up. keepalived reads its files when it starts and when the
 * parent gets SIGHUP; a request counts as taken up when a reading that began after it is in the kernel. One
 * SIGHUP is under way at a time and requests that arrive meanwhile share the next one: a SIGHUP before
 * keepalived has its handler is lost (main.c signals_ignore), one before it is executed kills, and one while
 * its child waits to be respawned starts two children.
 */
export type ReloadOutcome =
  | { readonly kind: 'loaded'; readonly tookMs: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'overdue'; readonly tookMs: number };

export interface ReloadQueue {
  /** From the call to the rules being in the kernel; `overdue` after the deadline, when the work goes on. */
  request(): Promise<ReloadOutcome>;
  /** keepalived is being executed: it will read the files as they are now. */
  processStarted(): void;
  processGone(): void;
  /** The checker child died; its successor loads what the parent read last. */
  childDied(): void;
  loaded(): void;
  refused(): void;
  /** Nothing will be taken up any more: whoever waits is told so now. */
  close(): void;
  readonly busy: boolean;
}

export interface ReloadQueueOptions {
  readonly sendHangup: () => void;
  readonly nowMs: () => number;
  readonly deadlineMs: number;
}

interface Waiter {
  readonly number: number;
  readonly settle: (kind: ReloadOutcome['kind']) => void;
}

export function createReloadQueue({ sendHangup, nowMs, deadlineMs }: ReloadQueueOptions): ReloadQueue {
  let state: 'down' | 'reading' | 'idle' = 'down';
  let requested = 0;
  let reading = 0;
  let waiters: Waiter[] = [];

  const settle = (upTo: number, kind: ReloadOutcome['kind']) => {
    const done = waiters.filter((waiter) => waiter.number <= upTo);
    waiters = waiters.filter((waiter) => waiter.number > upTo);
    for (const waiter of done) waiter.settle(kind);
  };

  const pump = () => {
    if (state !== 'idle' || waiters.length === 0) return;
    state = 'reading';
    reading = requested;
    sendHangup();
  };

  const request = () =>
    new Promise<ReloadOutcome>((resolve) => {
      const askedAtMs = nowMs();
      const number = ++requested;
      const timer = setTimeout(() => {
        // Nothing was heard of this reading: the next request may send SIGHUP again, keepalived queues it.
        if (state === 'reading' && reading >= number) state = 'idle';
        settle(number, 'overdue');
        pump();
      }, deadlineMs);
      waiters.push({
        number,
        settle(kind) {
          clearTimeout(timer);
          resolve(kind === 'refused' ? { kind } : { kind, tookMs: nowMs() - askedAtMs });
        },
      });
      pump();
    });

  const finish = (kind: ReloadOutcome['kind']) => {
    if (state !== 'reading') return;
    state = 'idle';
    settle(reading, kind);
    pump();
  };

  return {
    request,
    processStarted() {
      state = 'reading';
      reading = requested;
    },
    processGone() {
      state = 'down';
    },
    childDied() {
      state = 'reading';
    },
    loaded: () => finish('loaded'),
    refused: () => finish('refused'),
    close: () => settle(Number.POSITIVE_INFINITY, 'overdue'),
    get busy() {
      return state !== 'idle';
    },
  };
}
