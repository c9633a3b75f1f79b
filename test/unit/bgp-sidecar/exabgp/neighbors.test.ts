import { expect } from 'chai';
import fc from 'fast-check';
import { type Neighbors, noNeighbors, type Roll, rollOn } from '../../../../bgp-sidecar/exabgp/neighbors.ts';

const patienceMs = 15_000;

function wanted(definitions: Record<string, string>): Neighbors {
  return new Map(
    Object.entries(definitions).map(([address, text]) => [
      address,
      { peer: { address, port: 179, peerAS: 64512 }, text },
    ]),
  );
}

/** Sessions that come up and go down as the test says. */
function network() {
  const upSince = new Map<string, number>();
  let roll: Roll = noNeighbors;
  let nowMs = 0;
  return {
    up: (address: string) => void upSince.set(address, nowMs),
    down: (address: string) => void upSince.delete(address),
    pass: (ms: number) => {
      nowMs += ms;
    },
    step(definitions: Record<string, string>) {
      const before = roll.neighbors;
      roll = rollOn(roll, wanted(definitions), {
        upSinceMs: (address) => upSince.get(address),
        nowMs,
        patienceMs,
      });
      // the session of a definition that is another, or gone, ends
      for (const [address, { text }] of before)
        if (roll.neighbors.get(address)?.text !== text) upSince.delete(address);
      return Object.fromEntries([...roll.neighbors].map(([address, { text }]) => [address, text]));
    },
    upNow: () => [...upSince.keys()],
  };
}

describe("neighbors of ExaBGP's configuration", () => {
  it('begin all at once where none is up', () => {
    const { step } = network();
    expect(step({ a: '9', b: '9' })).to.deep.equal({ a: '9', b: '9' });
    expect(step({ a: '6', b: '6', c: '6' })).to.deep.equal({ a: '6', b: '6', c: '6' });
  });

  it('that are up begin anew one after the other: the second when the first is up again', () => {
    const { step, up, pass } = network();
    step({ a: '9', b: '9' });
    up('a');
    up('b');
    pass(1_000);
    expect(step({ a: '6', b: '6' })).to.deep.equal({ a: '6', b: '9' });
    pass(1_000);
    expect(step({ a: '6', b: '6' })).to.deep.equal({ a: '6', b: '9' });
    up('a');
    expect(step({ a: '6', b: '6' })).to.deep.equal({ a: '6', b: '6' });
  });

  it('do not wait for ever for one that stays down', () => {
    const { step, up, pass } = network();
    step({ a: '9', b: '9' });
    up('a');
    up('b');
    pass(1_000);
    step({ a: '6', b: '6' });
    pass(patienceMs - 1);
    expect(step({ a: '6', b: '6' })).to.deep.equal({ a: '6', b: '9' });
    pass(1);
    expect(step({ a: '6', b: '6' })).to.deep.equal({ a: '6', b: '6' });
  });

  it('that are up do not begin anew while a new one does', () => {
    const { step, up, pass } = network();
    step({ a: '9' });
    up('a');
    pass(1_000);
    expect(step({ a: '6', c: '6' })).to.deep.equal({ a: '9', c: '6' });
    up('c');
    expect(step({ a: '6', c: '6' })).to.deep.equal({ a: '6', c: '6' });
  });

  it('one that nobody wants any more goes at once where another is up', () => {
    const { step, up, pass } = network();
    step({ a: '9', b: '9' });
    up('a');
    up('b');
    pass(1_000);
    expect(step({ a: '9', c: '9' })).to.deep.equal({ a: '9', c: '9' });
  });

  it('the only one that is up stays until the one in its place is up, or had its time', () => {
    const { step, up, pass } = network();
    step({ a: '9' });
    up('a');
    pass(1_000);
    expect(step({ b: '9' })).to.deep.equal({ a: '9', b: '9' });
    up('b');
    expect(step({ b: '9' })).to.deep.equal({ b: '9' });
    expect(step({ c: '9' })).to.deep.equal({ b: '9', c: '9' });
    pass(patienceMs);
    expect(step({ c: '9' })).to.deep.equal({ c: '9' });
  });

  it('whatever changes, the last session that is up is not ended while another may come up; in the end all is as wanted', () => {
    const definitions = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('6', '9'), {
      minKeys: 1,
    });
    const event = fc.oneof(
      fc.record({ want: definitions }),
      fc.record({ up: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ down: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ passMs: fc.constantFrom(0, 100, 300) }),
    );
    fc.assert(
      fc.property(definitions, fc.array(event, { maxLength: 40 }), (first, events) => {
        const net = network();
        let want = first;
        let held = net.step(want);
        for (const each of events) {
          if ('want' in each) want = each.want;
          else if ('up' in each && each.up in held) net.up(each.up);
          else if ('down' in each) net.down(each.down);
          else if ('passMs' in each) net.pass(each.passMs);
          const before = net.upNow().length;
          held = net.step(want);
          // one session may be the only one: then it begins anew at once
          if (before >= 2) expect(net.upNow().length).to.be.at.least(1);
          net.pass(1);
        }
        for (let turn = 0; turn < 10; turn++) {
          for (const address of Object.keys(held)) if (!net.upNow().includes(address)) net.up(address);
          net.pass(1);
          held = net.step(want);
        }
        expect(held).to.deep.equal(want);
      }),
    );
  });
});
