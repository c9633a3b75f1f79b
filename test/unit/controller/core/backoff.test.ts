import { expect } from 'chai';
import { afterFailure, afterSuccess, backoffMs } from '../../../../controller/core/backoff.ts';

const limits = { firstMs: 100, longestMs: 30_000 };

describe('backoff', () => {
  it('doubles the ceiling with each failure in a row, up to the longest', () => {
    const ceilings = [1, 2, 3, 9, 10, 60, 5000, Number.MAX_SAFE_INTEGER].map((n) => backoffMs(n, limits, 1));
    expect(ceilings).to.deep.equal([100, 200, 400, 25_600, 30_000, 30_000, 30_000, 30_000]);
  });

  it('spreads over the whole of it', () => {
    expect([0, 0.25, 0.5].map((random) => backoffMs(3, limits, random))).to.deep.equal([0, 100, 200]);
  });

  it('starts anew after a success', () => {
    const once = afterFailure(afterSuccess(), limits, 0.5);
    const twice = afterFailure(once.backoff, limits, 0.5);
    expect([once.delayMs, twice.delayMs]).to.deep.equal([50, 100]);
    expect(afterFailure(afterSuccess(), limits, 0.5).delayMs).to.equal(50);
  });
});
