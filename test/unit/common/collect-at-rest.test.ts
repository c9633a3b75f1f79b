import { expect } from 'chai';
import { collectAtRest } from '../../../common/collect-at-rest.ts';
import { waitFor } from '../../../lab/wait.ts';

describe('the collector at rest', () => {
  const own = globalThis.gc;
  let collected: number;
  beforeEach(() => {
    collected = 0;
    globalThis.gc = (() => {
      collected += 1;
    }) as NodeJS.GCFunction;
  });
  afterEach(() => {
    globalThis.gc = own;
  });

  it('works as soon as nothing more comes of a change that left much, not for one that left little', async () => {
    let usedBytes = 20e6;
    const happened = collectAtRest(60_000, () => usedBytes);
    const becomes = async (bytes: number) => {
      happened();
      usedBytes = bytes;
      const from = performance.now();
      await waitFor('more than a moment', () => performance.now() - from > 200, { deadlineMs: 5000 });
      return collected;
    };
    expect(await becomes(23.9e6), 'little').to.equal(0);
    usedBytes = 8e6; // V8's own collection
    expect(await becomes(11.9e6), 'little again').to.equal(0);
    expect(await becomes(12.1e6), 'much since the least that was in use').to.equal(1);
    expect(await becomes(12.2e6), 'little since the collection').to.equal(1);
  });

  it('works when nothing has happened for a while, and for as long as nothing does', async () => {
    const happened = collectAtRest(50);
    for (const times of [1, 3]) {
      collected = 0;
      const startedAtMs = performance.now();
      happened();
      happened();
      expect(collected).to.equal(0);
      await waitFor('the collector', () => collected >= times || { notYet: collected }, { deadlineMs: 5000 });
      expect(performance.now() - startedAtMs).to.be.at.least(50 * times - 1);
    }
  });

  it('is not missed where there is none', async () => {
    const faults: unknown[] = [];
    const note = (fault: unknown) => faults.push(fault);
    process.on('uncaughtExceptionMonitor', note);
    let asked = 0;
    Object.defineProperty(globalThis, 'gc', {
      configurable: true,
      get: () => {
        asked += 1;
        return undefined;
      },
    });
    try {
      collectAtRest(50)();
      await waitFor('it to look for the collector', () => asked > 0, { deadlineMs: 5000 });
    } finally {
      Object.defineProperty(globalThis, 'gc', { configurable: true, writable: true, value: own });
      process.off('uncaughtExceptionMonitor', note);
    }
    expect(faults).to.deep.equal([]);
  });
});
