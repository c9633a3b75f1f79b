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
    const happened = collectAtRest(60_000);
    happened();
    const much = Array.from({ length: 1_000_000 }, (_, index) => ({ index }));
    happened();
    expect(collected).to.equal(0);
    await waitFor('the collector', () => collected === 1, { deadlineMs: 5000 });
    expect(much).to.have.length(1_000_000);
    happened();
    const from = performance.now();
    await waitFor('more than a moment', () => performance.now() - from > 300, { deadlineMs: 5000 });
    expect(collected).to.equal(1);
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
      collectAtRest(0)();
      await waitFor('it to look for the collector', () => asked > 0, { deadlineMs: 5000 });
    } finally {
      Object.defineProperty(globalThis, 'gc', { configurable: true, writable: true, value: own });
      process.off('uncaughtExceptionMonitor', note);
    }
    expect(faults).to.deep.equal([]);
  });
});
