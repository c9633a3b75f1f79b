import { expect } from 'chai';
import { createLogger } from '../../../common/log.ts';
import type { Note } from '../../../node-router/core/types.ts';
import { createTeller } from '../../../node-router/report.ts';

describe('node router: telling', () => {
  it('logs a fault once for as long as it lasts, and records it anew before its Event expires', () => {
    const lines: string[] = [];
    const recorded: string[] = [];
    let atMs = 0;
    const tell = createTeller({
      log: createLogger({
        program: 'node-router',
        format: 'json',
        stream: { write: (line) => lines.push(line) },
      }),
      record: (notes) => recorded.push(...notes.map(({ message }) => message)),
      nowMs: () => atMs,
    });
    const note: Note = { code: 'PREFIX_REFUSED', message: 'refused', pods: [{ namespace: 'a', name: 'b' }] };
    tell([note, note]);
    for (let minute = 1; minute < 30; minute++) {
      atMs = minute * 60_000;
      tell([note]);
    }
    expect([lines.length, recorded.length]).to.deep.equal([1, 1]);
    atMs = 30 * 60_000;
    tell([note]);
    tell([note]);
    expect([lines.length, recorded.length]).to.deep.equal([1, 2]);
    tell([{ ...note, pods: [...(note.pods ?? []), { namespace: 'a', name: 'later' }] }]);
    expect([lines.length, recorded.length]).to.deep.equal([1, 3]);
    tell([]);
    tell([note]);
    expect([lines.length, recorded.length]).to.deep.equal([2, 4]);
  });
});
