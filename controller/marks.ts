/** Which port has which mark, kept for the life of the pod in a file beside the lease. */
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../common/files.ts';
import { highestMark, whyNotMarks } from './core/marks.ts';
import type { IpvsService, MarkTable } from './core/types.ts';
import { problems } from './errors.ts';

/**
 * The marks that this pod has given. Without the file (a fresh pod, or a lost one) numbering starts at 1, or
 * above the marks that the kernel already has: no mark may pass to another port.
 */
export async function readMarks(file: string, held: readonly IpvsService[]): Promise<MarkTable> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const table = parse(text);
  if (table) return table;
  // those of others, and what a trial of a scheduler left (scheduler-probe.ts), would leave no room above
  const given = held.map((service) => service.mark ?? 0).filter((mark) => mark < highestMark);
  return { marks: {}, next: Math.max(0, ...given) + 1 };
}

function parse(text: string): MarkTable | undefined {
  try {
    const table: unknown = JSON.parse(text);
    return whyNotMarks(table) === undefined ? (table as MarkTable) : undefined;
  } catch {
    return undefined;
  }
}

/** Rejects with MARKS_UNWRITABLE; the table in memory stays in force. */
export async function writeMarks(file: string, table: MarkTable): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(table)}\n`).catch((error: Error) => {
    throw problems.MARKS_UNWRITABLE(file, error.message);
  });
}
