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
    globalThis.gc = undefined;
    collectAtRest(0)();
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
