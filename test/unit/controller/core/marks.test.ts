import { expect } from 'chai';
import fc from 'fast-check';
import { allocateMarks, emptyMarks, whyNotMarks } from '../../../../controller/core/marks.ts';

describe('marks', () => {
  it('numbers a fresh table from 1 in the order given', () => {
    expect(allocateMarks(['TCP/53', 'UDP/53', 'TCP/80'], emptyMarks())).to.deep.equal({
      marks: { 'TCP/53': 1, 'UDP/53': 2, 'TCP/80': 3 },
      next: 4,
    });
  });

  it('gives a port that returns its old mark, and a new port a new one', () => {
    const first = allocateMarks(['TCP/80', 'TCP/81'], emptyMarks());
    const second = allocateMarks(['TCP/79', 'TCP/81'], first);
    expect(second).to.deep.equal({ marks: { 'TCP/80': 1, 'TCP/81': 2, 'TCP/79': 3 }, next: 4 });
    expect(allocateMarks(['TCP/80'], second)).to.deep.equal(second);
  });

  it('never gives one mark to two ports, nor one port two marks', () => {
    const key = fc
      .tuple(fc.constantFrom('TCP', 'UDP'), fc.integer({ min: 1, max: 40 }))
      .map(([p, n]) => `${p}/${n}`);
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(key)), (rounds) => {
        const everGiven = new Map<string, number>();
        let table = emptyMarks();
        for (const keys of rounds) {
          table = allocateMarks(keys, table);
          expect(whyNotMarks(table)).to.equal(undefined);
          for (const key of keys) {
            const mark = table.marks[key] as number;
            expect(everGiven.get(key) ?? mark).to.equal(mark);
            everGiven.set(key, mark);
          }
          expect(new Set(everGiven.values()).size).to.equal(everGiven.size);
        }
      }),
    );
  });

  it('stays below 2^31 and says so when none is left', () => {
    const full = allocateMarks(['TCP/1'], { marks: {}, next: 0x7fffffff });
    expect(full.marks).to.deep.equal({ 'TCP/1': 0x7fffffff });
    expect(() => allocateMarks(['TCP/2'], full)).to.throw(
      /^port TCP\/2: every firewall mark up to 2147483647 has been given/,
    );
  });

  it('says why a table that was read cannot be used', () => {
    const faults: [unknown, RegExp][] = [
      [undefined, /no table/],
      [[], /no table/],
      [{ marks: [], next: 1 }, /no table/],
      [{ marks: { 'TCP/80': 0 }, next: 1 }, /port TCP\/80/],
      [{ marks: { 'TCP/80': 1.5 }, next: 3 }, /port TCP\/80/],
      [{ marks: { 'TCP/80': '1' }, next: 3 }, /port TCP\/80/],
      [{ marks: { 'TCP/80': 1, 'TCP/81': 1 }, next: 3 }, /same mark/],
      [{ marks: { 'TCP/80': 1 }, next: 1 }, /"next"/],
      [{ marks: { 'TCP/80': 1 } }, /"next"/],
    ];
    for (const [table, why] of faults) expect(whyNotMarks(table), JSON.stringify(table)).to.match(why);
    expect(whyNotMarks({ marks: { 'TCP/80': 1 }, next: 2 })).to.equal(undefined);
  });
});
