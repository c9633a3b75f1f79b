/**
 * Firewall marks. A port keeps its mark while the pod lives, and no mark ever passes to another port: a packet
 * that was marked a moment ago, or a connection that the kernel remembers, must not reach another port's server.
 */
import { refusals } from './errors.ts';
import type { MarkTable } from './types.ts';

/** keepalived reads a mark as unsigned, `ip rule` and others as signed: stay where both agree. */
export const highestMark = 0x7fffffff;

export function emptyMarks(): MarkTable {
  return { marks: {}, next: 1 };
}

/** The table with a mark for each key, new ones in the order given. Throws MARKS_EXHAUSTED. */
export function allocateMarks(keysInOrder: readonly string[], table: MarkTable): MarkTable {
  const marks = new Map(Object.entries(table.marks));
  let next = Math.max(table.next, 1, ...[...marks.values()].map((mark) => mark + 1));
  for (const key of keysInOrder) {
    if (marks.has(key)) continue;
    if (next > highestMark) throw refusals.MARKS_EXHAUSTED(key);
    marks.set(key, next);
    next += 1;
  }
  return { marks: Object.fromEntries(marks), next };
}

/** Why a table that was read from a file cannot be used; undefined when it can. */
export function whyNotMarks(table: unknown): string | undefined {
  const { marks, next } = (table ?? {}) as Partial<MarkTable>;
  if (typeof marks !== 'object' || marks === null || Array.isArray(marks)) return 'it has no table of marks';
  const given = Object.entries(marks);
  const unsound = given.find(([, mark]) => !Number.isInteger(mark) || mark < 1 || mark > highestMark);
  if (unsound) return `the mark of port ${unsound[0]} is not a number from 1 to ${highestMark}`;
  if (new Set(given.map(([, mark]) => mark)).size < given.length) return 'two ports have the same mark';
  if (!Number.isInteger(next) || given.some(([, mark]) => mark >= (next ?? 0)))
    return '"next" is not above every mark';
  return undefined;
}
