import { problems } from './errors.ts';
import { type Problem, reasonOf } from './problem.ts';
import { settleMs } from './settled-file.ts';

/** What a look at files found: nothing more to do, a writer at work, or something that cannot be read. */
export type Look = 'settled' | 'unsettled' | 'failing';

/**
 * Looks again although nothing was told: inotify is silent about changes made by another kernel (network file
 * systems) and about permissions of a directory above.
 */
const againMs: Record<Look, number> = { settled: 5_000, unsettled: settleMs + 1, failing: 1_000 };

export interface Looking {
  /** Look now, or right after the look under way. */
  now(): void;
  stop(): Promise<void>;
}

/**
 * Runs `look` when asked, one at a time, and again after a while as its outcome demands. It is not meant to throw; if
 * it does, that is told, and is a look that fails: what was read last stays.
 */
export function keepLooking(look: () => Promise<Look>, onThrow: (problem: Problem) => void): Looking {
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;
  let asked = false;
  let stopped = false;

  async function run(): Promise<void> {
    let outcome: Look = 'settled';
    while (asked && !stopped) {
      asked = false;
      outcome = await look().catch((thrown: unknown) => {
        onThrow(problems.LOOK_FAILED(reasonOf(thrown)));
        return 'failing' as const;
      });
    }
    underWay = undefined;
    if (!stopped) timer = setTimeout(now, againMs[outcome]).unref();
  }
  function now(): void {
    clearTimeout(timer);
    asked = true;
    if (!stopped) underWay ??= run();
  }
  return {
    now,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}

/** Lets each message through once, until what it is about was well again. */
export function createOnce<T extends { message: string }>(
  tell: (item: T) => void,
): (subject: string, item?: T) => void {
  const told = new Map<string, string>();
  return (subject, item) => {
    if (item === undefined) told.delete(subject);
    else if (told.get(subject) !== item.message) {
      told.set(subject, item.message);
      tell(item);
    }
  };
}
