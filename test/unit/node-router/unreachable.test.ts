import { expect } from 'chai';
import { createUnreachable } from '../../../node-router/unreachable.ts';

describe('node router: LB pods without an interface', () => {
  const at = () => {
    const clock = { nowMs: 0 };
    return { clock, unreachable: createUnreachable(() => clock.nowMs) };
  };

  it('waits longer after each miss, five seconds at most', () => {
    const { clock, unreachable } = at();
    const waits: number[] = [];
    for (let miss = 0; miss < 7; miss++) {
      unreachable.missed(['10.42.1.2'], '203.0.113.0/28', 'ENETUNREACH');
      expect([...unreachable.waiting()]).to.deep.equal(['10.42.1.2']);
      waits.push(unreachable.nextRetryAtMs(clock.nowMs) - clock.nowMs);
      clock.nowMs = unreachable.nextRetryAtMs(clock.nowMs);
      expect([...unreachable.waiting()]).to.deep.equal([]);
    }
    expect(waits).to.deep.equal([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('tries again at once when links change', () => {
    const { unreachable } = at();
    unreachable.missed(['10.42.1.2'], '203.0.113.0/28', 'ENETUNREACH');
    unreachable.retryNow();
    expect([...unreachable.waiting()]).to.deep.equal([]);
    expect(unreachable.size).to.equal(1);
  });

  it('is told only when it lasts, and forgotten with the pod or once it is reached', () => {
    const { unreachable } = at();
    unreachable.missed(['10.42.1.2', '10.42.1.3'], '203.0.113.0/28', 'ENETUNREACH');
    unreachable.missed(['10.42.1.2', '10.42.1.3'], '203.0.113.0/28', 'ENETUNREACH');
    expect(unreachable.describe()).to.deep.equal([]);
    unreachable.missed(['10.42.1.2', '10.42.1.3'], '203.0.113.0/28', 'ENETUNREACH');
    expect(unreachable.describe().map((note) => note.message)[0]).to.include(
      '203.0.113.0/28 cannot be routed via 10.42.1.2 (ENETUNREACH)',
    );
    unreachable.reached(['10.42.1.2']);
    expect(unreachable.describe()).to.have.length(1);
    unreachable.keepOnly(new Set());
    expect(unreachable.size).to.equal(0);
    expect(unreachable.nextRetryAtMs(0)).to.equal(Number.POSITIVE_INFINITY);
  });
});
