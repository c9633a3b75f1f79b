import { type FileHandle, open } from 'node:fs/promises';
import { monotonicMs } from './clock.ts';
import { problems } from './errors.ts';
import { describeSystemError } from './files.ts';
import { type Problem, systemCode } from './problem.ts';
import { whyHalfWritten } from './yaml-text.ts';

/** How long a file that is written in place, or is gone, must stay as it is before that is believed. */
export const settleMs = 40;

export type Reading =
  /** nothing new since the last reading */
  | { state: 'same' }
  /** its writer may be at work: look again after settleMs */
  | { state: 'unsettled' }
  | { state: 'absent' }
  | { state: 'whole'; text: string }
  | { state: 'refused'; problem: Problem };

/**
 * Reads one file (of YAML or JSON, unless told how else a whole text is known) again and again, and believes it only when its writer is done. A file that replaced
 * another (rename: another inode) is whole and is taken at once; one written in place is taken when it has rested,
 * since half a YAML file is often a valid one with fewer endpoints; so is a removal, which some editors undo.
 */
export class SettledFile {
  readonly path: string;
  readonly #whyHalf: (text: string) => string | undefined;
  #taken: Stamp | 'absent' | undefined;
  #awaited: { what: string; sinceMs: number } | undefined;

  /** whyHalf: why a text is not whole, as far as the text itself can tell */
  constructor(path: string, whyHalf: (text: string) => string | undefined = whyHalfWritten) {
    this.path = path;
    this.#whyHalf = whyHalf;
  }

  async read(): Promise<Reading> {
    let handle: FileHandle;
    try {
      handle = await open(this.path, 'r');
    } catch (error) {
      return systemCode(error) === 'ENOENT' ? this.#readAbsence() : this.#refuse(error);
    }
    try {
      return await this.#readHandle(handle);
    } catch (error) {
      return this.#refuse(error);
    } finally {
      await handle.close();
    }
  }

  async #readHandle(handle: FileHandle): Promise<Reading> {
    const stamp = await stampOf(handle);
    const taken = this.#taken;
    if (typeof taken === 'object' && taken.whole === stamp.whole) {
      this.#awaited = undefined;
      return { state: 'same' };
    }
    const replaced = typeof taken === 'object' && taken.inode !== stamp.inode;
    if (!replaced && !stamp.rested && !this.#hasSettled(stamp.whole)) return { state: 'unsettled' };
    const text = await handle.readFile('utf8');
    if ((await stampOf(handle)).whole !== stamp.whole) return { state: 'unsettled' };
    this.#taken = stamp;
    this.#awaited = undefined;
    const half = this.#whyHalf(text);
    if (half === undefined) return { state: 'whole', text };
    return { state: 'refused', problem: problems.FILE_HALF_WRITTEN(this.path, half) };
  }

  #readAbsence(): Reading {
    if (this.#taken === 'absent') return { state: 'same' };
    if (this.#taken !== undefined && !this.#hasSettled('absent')) return { state: 'unsettled' };
    this.#taken = 'absent';
    this.#awaited = undefined;
    return { state: 'absent' };
  }

  #refuse(error: unknown): Reading {
    return { state: 'refused', problem: problems.FILE_UNREADABLE(this.path, describeSystemError(error)) };
  }

  #hasSettled(what: string): boolean {
    const nowMs = monotonicMs();
    if (this.#awaited?.what !== what) this.#awaited = { what, sinceMs: nowMs };
    return nowMs - this.#awaited.sinceMs >= settleMs;
  }
}

interface Stamp {
  inode: string;
  whole: string;
  /** last touched long ago, by the wall clock: for files that were there before we looked */
  rested: boolean;
}

async function stampOf(handle: FileHandle): Promise<Stamp> {
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = await handle.stat({ bigint: true });
  const inode = `${dev}:${ino}`;
  return {
    inode,
    whole: `${inode}:${size}:${mtimeNs}:${ctimeNs}`,
    rested: Date.now() - Number(ctimeMs) > 10 * settleMs,
  };
}
