import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { closeOpenLabs, openLabsNow } from '../../lab/lab.ts';
import { readLog } from '../../lab/processes.ts';
import { explainFailures } from '../reporter.ts';

const linesShown = 15;

/** The end of every log of the open lab, the one that was written last at the bottom. */
explainFailures(() => {
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
});

export const mochaHooks = {
  async afterAll(): Promise<void> {
    const left = openLabsNow().map((lab) => lab.runId);
    await closeOpenLabs();
    if (left.length > 0) throw new Error(`labs that no test closed: ${left.join(', ')}`);
  },
};
