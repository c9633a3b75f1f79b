/** Writes the sidecar's own state beside the lease: the newest wins, one write at a time. */
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import { type SpeakerState, writeSpeakerState } from '../common/speaker-state.ts';
import { problems } from './errors.ts';

export interface StateWriter {
  /** `changed`: not when only its time is new. Resolves when a state at least as new as this is in the file, or could not be written. */
  write(state: SpeakerState, when: 'changed' | 'always'): Promise<void>;
}

export function createStateWriter(file: string, log: Logger): StateWriter {
  let next: SpeakerState | undefined;
  let writing: Promise<void> | undefined;
  let failed = '';
  let last = '';

  async function writeAll(): Promise<void> {
    while (next !== undefined) {
      const state = next;
      next = undefined;
      try {
        await writeSpeakerState(file, state);
        failed = '';
      } catch (error) {
        const why = reasonOf(error);
        if (why !== failed) log.error('state', {}, problems.STATE_UNWRITABLE(why).message);
        failed = why;
      }
    }
    writing = undefined;
  }

  return {
    write(state, when) {
      const text = JSON.stringify({ ...state, writtenAtMs: 0 });
      if (when === 'changed' && text === last) return writing ?? Promise.resolve();
      last = text;
      next = state;
      writing ??= writeAll();
      return writing;
    },
  };
}
