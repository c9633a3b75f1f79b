/** The end of every log of the labs that are open, the one written last at the bottom: what explains a failure. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openLabsNow } from './lab.ts';
import { readLog } from './processes.ts';

const linesShown = 15;

export function logTails(): string {
  const files = openLabsNow().flatMap((lab) => {
    const logs = join(lab.runDir, 'logs');
    return readdirSync(logs).map((name) => join(logs, name));
  });
  const written = files
    .map((file) => ({ file, atMs: statSync(file).mtimeMs, lines: readLog(file).trim().split('\n') }))
    .filter(({ lines }) => lines.join('') !== '')
    .sort((a, b) => a.atMs - b.atMs);
  return written
    .map(
      ({ file, lines }) =>
        `--- ${file}, last of ${lines.length} lines\n${lines.slice(-linesShown).join('\n')}`,
    )
    .join('\n');
}
