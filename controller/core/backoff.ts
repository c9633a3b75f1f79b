/**
 * How long to wait before the next attempt: exponential, with full jitter (Amazon's "Exponential Backoff And
 * Jitter"), so that many LB pods that failed together do not come back together.
 */
export interface BackoffLimits {
  firstMs: number;
  longestMs: number;
}

/** `failures` counts from 1 and starts anew after a success; `random` is from 0 to below 1. */
export function backoffMs(failures: number, { firstMs, longestMs }: BackoffLimits, random: number): number {
  // 2^52 is far above any limit, and keeps the product finite however long a failure lasts.
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(Math.max(failures, 1) - 1, 52));
  return Math.round(ceiling * random);
}

/** A counter of failures in a row for one thing that is tried again. */
export interface Backoff {
  failures: number;
}

export function afterFailure({ failures }: Backoff, limits: BackoffLimits, random: number) {
  return { backoff: { failures: failures + 1 }, delayMs: backoffMs(failures + 1, limits, random) };
}

export function afterSuccess(): Backoff {
  return { failures: 0 };
}
