/**
 * Notes for the person who reads the log. The caller tells each text once, so texts name objects, never
 * counts that change; and however bad the input, they stay few.
 */
import type { Note } from './types.ts';

const mostPerCode = 10;

/** Sorted, each text once, at most ten of a code and then one that says there are more. */
export function tidyNotes(notes: readonly Note[]): Note[] {
  const byMessage = new Map(notes.map((note) => [note.message, note]));
  const sorted = [...byMessage.values()].sort(
    (a, b) => compare(a.code, b.code) || compare(a.message, b.message),
  );
  const counts = new Map<string, number>();
  const kept: Note[] = [];
  for (const note of sorted) {
    const count = (counts.get(note.code) ?? 0) + 1;
    counts.set(note.code, count);
    if (count <= mostPerCode) kept.push(note);
    if (count === mostPerCode + 1)
      kept.push({ code: note.code, message: `${note.code}: more of the same kind are not listed` });
  }
  return kept;
}

/** A value from outside in a message: quoted, control characters escaped, not longer than a line. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
