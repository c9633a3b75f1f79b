/**
 * One loop, serial: a turn runs to its end before the next begins, triggers that arrive meanwhile coalesce into one
 * next turn. A turn says how long the loop may rest; one that throws is told, and the loop goes on.
 */
export interface Loop {
  trigger(): void;
  /** When the last turn ended, of the clock given. */
  readonly turnedAtMs: number;
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** Resolves to the milliseconds after which the next turn is due, if nothing triggers one before. */
  readonly turn: () => Promise<number>;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
}

const restAfterErrorMs = 1_000;

export function startLoop({ turn, nowMs, onError }: LoopOptions): Loop {
  let wake: () => void = () => undefined;
  let triggered = false;
  let stopped = false;
  let turnedAtMs = nowMs();

  const rest = (restMs: number) =>
    new Promise<void>((resolve) => {
      if (triggered || stopped) return resolve();
      const timer = setTimeout(resolve, restMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const done = (async () => {
    while (!stopped) {
      triggered = false;
      const restMs = await turn().catch((error: unknown) => {
        onError(error);
        return restAfterErrorMs;
      });
      turnedAtMs = nowMs();
      await rest(restMs);
    }
  })();

  return {
    trigger() {
      triggered = true;
      wake();
    },
    get turnedAtMs() {
      return turnedAtMs;
    },
    async stop() {
      stopped = true;
      wake();
      await done;
    },
  };
}
