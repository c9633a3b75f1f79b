/** What the kernel refused is tried again after 0.25, 0.5, 1, 2, 4, then every 5 seconds. */
const firstMs = 250;
const longestMs = 5_000;

export interface Backoff {
  readonly failures: number;
  readonly retryAtMs: number;
}

export function nextBackoff(before: Backoff | undefined, nowMs: number): Backoff {
  const failures = (before?.failures ?? 0) + 1;
  return { failures, retryAtMs: nowMs + Math.min(firstMs * 2 ** (failures - 1), longestMs) };
}
