/**
 * apply: rendered text → keepalived, in two halves. `prepare` stages the files and has keepalived itself check
 * them: text that does not pass is kept aside, and nothing has changed yet. `commit` puts them in place in one
 * rename and tells keepalived by SIGHUP.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RenderedFiles, WantedService } from './core/types.ts';
import { problems } from './errors.ts';
import type { KeepalivedFiles } from './keepalived/files.ts';
import type { Keepalived } from './keepalived/process.ts';

const longestStartMs = 5000;
/** After a test that came to no verdict: no memory, no process to be had, a program that cannot be executed. */
const undecidedRestMs = 5000;

export type Prepared =
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'ready';
      readonly testMs: number;
      /** Resolves when keepalived has been told; `reloaded`, when it says that it is done, or that it cannot be heard. */
      commit(wanted: readonly WantedService[]): Promise<{ readonly reloaded: Promise<unknown> }>;
    }
  | { readonly kind: 'refused'; readonly problem: Error };

export interface Applier {
  /** Never throws: disk full, a broken keepalived binary and the like are refusals too. */
  prepare(files: RenderedFiles): Promise<Prepared>;
}

export interface ApplierParts {
  readonly files: KeepalivedFiles;
  readonly keepalived: Keepalived;
  readonly nowMs: () => number;
}

export function createApplier({ files, keepalived, nowMs }: ApplierParts): Applier {
  let running: string | undefined;
  /** What was found unchanged last: a plan that stays the same has the same files each second. */
  let unchanged: RenderedFiles | undefined;
  /** What keepalived refused last: it is not asked again about the same text while that stands. */
  let refused: { text: string; problem: Error; untilMs: number } | undefined;

  /**
   * How long a reload is awaited is for the caller to say: verify sees what a keepalived that is dead or stuck does.
   * Its first start is awaited here, for a while: until then nothing is in the kernel that could be verified.
   */
  const commit = async (directory: string, text: string, wanted: readonly WantedService[]) => {
    let reloaded: Promise<unknown> = Promise.resolve();
    await files.commit(directory, () => {
      running = text;
      if (keepalived.started) reloaded = keepalived.reload(namesOf(wanted));
    });
    await startOnce(keepalived);
    return { reloaded };
  };

  const stageAndTest = async (rendered: RenderedFiles, text: string): Promise<Prepared> => {
    const startedAtMs = nowMs();
    const directory = await files.stage(rendered);
    const check = await files.test(directory);
    const testMs = nowMs() - startedAtMs;
    if (check.ok) return { kind: 'ready', testMs, commit: (wanted) => commit(directory, text, wanted) };
    const kept = await files.reject(directory);
    refused = check.undecided
      ? { text, problem: problems.KEEPALIVED_UNDECIDED(check.output), untilMs: nowMs() + undecidedRestMs }
      : { text, problem: problems.KEEPALIVED_REFUSED(check.output, kept), untilMs: Infinity };
    return { kind: 'refused', problem: refused.problem };
  };

  return {
    async prepare(rendered) {
      if (rendered === unchanged) return { kind: 'unchanged' };
      unchanged = undefined;
      const text = JSON.stringify(rendered);
      if (text === running) {
        unchanged = rendered;
        return { kind: 'unchanged' };
      }
      if (text === refused?.text && nowMs() < refused.untilMs)
        return { kind: 'refused', problem: refused.problem };
      try {
        return await stageAndTest(rendered, text);
      } catch (problem) {
        return { kind: 'refused', problem: problem as Error };
      }
    },
  };
}

/** Where it was not started yet: awaits its first start, for a while. */
export async function startOnce(keepalived: Pick<Keepalived, 'started' | 'start'>): Promise<void> {
  if (!keepalived.started) await Promise.race([keepalived.start(), sleep(longestStartMs)]);
}

/** As keepalived's notifications name them. */
function namesOf(wanted: readonly WantedService[]): Set<string> {
  return new Set(
    wanted.flatMap(({ mark, realServers }) =>
      realServers.map(({ address, port }) => `${mark} ${address}:${port}`),
    ),
  );
}
