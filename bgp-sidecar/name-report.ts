/** What the log says of names that do not resolve, or to what cannot be a peer: at once, and then once a minute. */
import type { Logger } from '../common/log.ts';
import { createReminder } from '../common/reminder.ts';
import type { NameNote } from './peers.ts';

const everyMs = 60_000;

export function createNameReport(log: Logger, nowMs: () => number): (notes: readonly NameNote[]) => void {
  const reminders = new Map<string, { note: NameNote; remind(text: string): void }>();
  return (notes) => {
    for (const note of notes) {
      const known = reminders.get(note.about) ?? {
        note,
        // the name alone, since causes that alternate are no news
        remind: createReminder(
          () => log.warn('peer-name', { host: known.note.host }, known.note.problem.message),
          everyMs,
          nowMs,
        ),
      };
      known.note = note;
      reminders.set(note.about, known);
      known.remind(note.about);
    }
  };
}
