import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** How long to go on asking; default 30 s: a busy machine takes ten times as long as an idle one. */
  deadlineMs?: number;
  /** Pause between two questions; default 20 ms. */
  everyMs?: number;
}

/**
 * Asks until the probe gives something other than undefined or false, and gives that.
 * `seen` in the error of a passed deadline is what the probe threw or said last: a probe may
 * return `{ notYet: 'what it sees' }` to say why it is not content.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | NotYet | undefined | false> | T | NotYet | undefined | false,
  { deadlineMs = 30_000, everyMs = 20 }: WaitOptions = {},
): Promise<T> {
  const startedAtMs = performance.now();
  let seen = 'nothing';
  for (;;) {
    try {
      const answer = await probe();
      if (isNotYet(answer)) seen = answer.notYet;
      else if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      seen = error instanceof Error ? error.message : String(error);
    }
    const waitedMs = performance.now() - startedAtMs;
    if (waitedMs >= deadlineMs) {
      throw new Error(`waited ${(waitedMs / 1000).toFixed(1)} s for ${what}; last seen: ${seen}`);
    }
    await sleep(Math.min(everyMs, deadlineMs));
  }
}

/** Not content yet, and why. */
export interface NotYet {
  notYet: string;
}

function isNotYet(answer: unknown): answer is NotYet {
  return (
    typeof answer === 'object' && answer !== null && 'notYet' in answer && Object.keys(answer).length === 1
  );
}
