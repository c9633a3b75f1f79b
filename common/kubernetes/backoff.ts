/** How long to rest after failures in a row: 50, 100, … at most a second, so that a return is seen within two. */
const firstMs = 50;
const longestMs = 1_000;
/** What only a person can mend. */
const refusedLongestMs = 2_000;
const longestAskedMs = 60_000;

export interface Failure {
  /** in a row, this one counted */
  readonly failures: number;
  /** of the answer; undefined where there was none */
  readonly status: number | undefined;
  /** the server's wish: seconds (RFC 9110 10.2.3; API servers send no dates) */
  readonly retryAfter: string | undefined;
  /** 0 to 1, so that the LB pods of a cluster do not come all at once */
  readonly random: number;
}

export function restAfter({ failures, status, retryAfter, random }: Failure): number {
  const askedMs = Number(retryAfter) * 1_000;
  if (askedMs > 0) return Math.min(askedMs, longestAskedMs) + random * 200;
  const refused = status === 401 || status === 403 || status === 404;
  const longest = refused ? refusedLongestMs : longestMs;
  return Math.min(firstMs * 2 ** (failures - 1), longest) * (0.5 + random / 2);
}
