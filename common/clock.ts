/**
 * Milliseconds of CLOCK_MONOTONIC: the same clock in every container of a pod, untouched by changes of the
 * wall clock (process.hrtime is libuv's uv_hrtime, which reads CLOCK_MONOTONIC on Linux). It starts again
 * when the machine does.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
