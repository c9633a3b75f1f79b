/**
 * One loop, serial: a turn runs to its end before the next begins, triggers that arrive meanwhile coalesce
 * into one next turn, and a turn comes at the latest after `tickMs`. A turn that throws is told and the loop
 * goes on: no failure ends the process.
 */
export interface Loop {
  /** Asks for a turn as soon as the present one is over. */
  trigger(): void;
  /** When the last turn ended (ms of the clock given); 0 before the first. */
  readonly turnedAtMs: number;
  stop(): Promise<void>;
}

export interface LoopOptions {
  readonly turn: () => Promise<void>;
  readonly tickMs: number;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
}

export function startLoop({ turn, tickMs, nowMs, onError }: LoopOptions): Loop {
  let wake: (() => void) | undefined;
  let triggered = true;
  let stopped = false;
  let turnedAtMs = 0;

  const trigger = () => {
    triggered = true;
    wake?.();
  };

  const rest = () =>
    new Promise<void>((resolve) => {
      if (triggered || stopped) return resolve();
      const timer = setTimeout(resolve, tickMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const done = (async () => {
    while (!stopped) {
      triggered = false;
      await turn().catch(onError);
      turnedAtMs = nowMs();
      await rest();
    }
  })();

  return {
    trigger,
    get turnedAtMs() {
      return turnedAtMs;
    },
    async stop() {
      stopped = true;
      wake?.();
      await done;
    },
  };
}
