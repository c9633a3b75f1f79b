import { expect } from 'chai';
import { createApplier } from '../../../controller/apply.ts';
import type { KeepalivedFiles } from '../../../controller/keepalived/files.ts';
import type { Keepalived } from '../../../controller/keepalived/process.ts';

/** keepalived and its directory, faked at their edge; `done` is what was asked of them, in order. */
function fake({ refuses = (_: string): boolean => false, full = false } = {}) {
  const done: string[] = [];
  const state = { nowMs: 0, undecided: false, reloading: undefined as Promise<void> | undefined };
  let started = false;
  const files = {
    stage: async (rendered: Record<string, string>) => {
      done.push('stage');
      if (full) throw new Error('/run/keepalived cannot be written (ENOSPC)');
      return rendered['ipvs.conf'] ?? '';
    },
    test: async (directory: string) => {
      done.push('test');
      if (state.undecided) return { ok: false, output: 'no process to be had', undecided: true };
      return { ok: !refuses(directory), output: 'unknown keyword nonsense' };
    },
    commit: async (_: string, onInPlace?: () => void) => {
      done.push('commit');
      onInPlace?.();
    },
    reject: async () => '/run/keepalived/rejected/1',
  } as unknown as KeepalivedFiles;
  const keepalived = {
    get started() {
      return started;
    },
    start: async () => {
      done.push('start');
      started = true;
    },
    reload: async () => {
      done.push('reload');
      await state.reloading;
    },
  } as unknown as Keepalived;
  return { done, state, applier: createApplier({ files, keepalived, nowMs: () => state.nowMs }) };
}

const text = (content: string) => ({ 'ipvs.conf': content });

describe('apply', () => {
  it('starts keepalived with the first text and reloads it with the next, never a restart', async () => {
    const { done, applier } = fake();
    for (const content of ['one', 'two']) {
      const prepared = await applier.prepare(text(content));
      if (prepared.kind === 'ready') await prepared.commit([]);
    }
    expect(done).to.deep.equal(['stage', 'test', 'commit', 'start', 'stage', 'test', 'commit', 'reload']);
  });

  it('has told keepalived when it returns, and says when keepalived is done', async () => {
    const { done, state, applier } = fake();
    const commit = async (content: string) => {
      const prepared = await applier.prepare(text(content));
      if (prepared.kind !== 'ready') throw new Error(prepared.kind);
      return prepared.commit([]);
    };
    await (await commit('one')).reloaded; // the start was awaited
    let finish = () => {};
    state.reloading = new Promise((resolve) => {
      finish = resolve;
    });
    const { reloaded } = await commit('two');
    expect(done.at(-1)).to.equal('reload');
    void reloaded.then(() => done.push('done'));
    await new Promise(setImmediate);
    expect(done.at(-1)).to.equal('reload');
    finish();
    await reloaded;
    expect(done.at(-1)).to.equal('done');
  });

  it('does nothing for the same text', async () => {
    const { done, applier } = fake();
    const first = await applier.prepare(text('one'));
    if (first.kind === 'ready') await first.commit([]);
    done.length = 0;
    expect((await applier.prepare(text('one'))).kind).to.equal('unchanged');
    expect(done).to.deep.equal([]);
  });

  it('changes nothing before commit', async () => {
    const { done, applier } = fake();
    await applier.prepare(text('one'));
    expect(done).to.deep.equal(['stage', 'test']);
  });

  it("keeps text that keepalived refuses aside, with keepalived's words, and asks once", async () => {
    const { done, applier } = fake({ refuses: (content) => content === 'bad' });
    for (let i = 0; i < 3; i += 1) {
      const prepared = await applier.prepare(text('bad'));
      expect(prepared.kind === 'refused' && prepared.problem.message).to.match(
        /unknown keyword nonsense \(files kept in \/run\/keepalived\/rejected\/1/,
      );
    }
    expect(done).to.deep.equal(['stage', 'test']);
  });

  it('asks again about text that keepalived came to no verdict on', async () => {
    const { done, state, applier } = fake();
    state.undecided = true;
    for (let i = 0; i < 2; i += 1) {
      const prepared = await applier.prepare(text('one'));
      expect(prepared.kind === 'refused' && prepared.problem.message).to.match(/tried again: no process/);
    }
    expect(done).to.deep.equal(['stage', 'test']);
    state.undecided = false;
    state.nowMs = 5000;
    expect((await applier.prepare(text('one'))).kind).to.equal('ready');
  });

  it('takes a full disk for a refusal, and tries again', async () => {
    const { done, applier } = fake({ full: true });
    for (let i = 0; i < 2; i += 1) {
      const prepared = await applier.prepare(text('one'));
      expect(prepared.kind === 'refused' && prepared.problem.message).to.match(/ENOSPC/);
    }
    expect(done).to.deep.equal(['stage', 'stage']);
  });
});
