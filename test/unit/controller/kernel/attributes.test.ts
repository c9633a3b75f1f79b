import { expect } from 'chai';
import fc from 'fast-check';
import { attributeSet, bytes, port, text, u16, u32, u64 } from '../../../../controller/kernel/attributes.ts';

const inner = attributeSet({ number: [1, u32], counter: [2, u64] });
const outer = attributeSet({
  small: [1, u16],
  port: [2, port],
  name: [3, text],
  raw: [4, bytes],
  inner: [5, inner],
});

describe('kernel: netlink attributes', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            small: fc.nat(0xffff),
            port: fc.nat(0xffff),
            name: fc.stringMatching(/^[a-z]{0,15}$/),
            raw: fc.uint8Array({ maxLength: 33 }).map((data) => Buffer.from(data)),
            inner: fc.record(
              { number: fc.nat(0xffffffff), counter: fc.nat(Number.MAX_SAFE_INTEGER) },
              { requiredKeys: [] },
            ),
          },
          { requiredKeys: [] },
        ),
        (values) => {
          expect(outer.decode(Buffer.from(outer.encode(values)))).to.deep.equal(values);
        },
      ),
    );
  });

  it('are padded to four bytes, and say their length without the padding', () => {
    expect(Buffer.from(outer.encode({ name: 'lc' })).toString('hex')).to.equal('070003006c630000');
    expect(Buffer.from(outer.encode({ port: 0x1f90 })).toString('hex')).to.equal('060002001f900000');
  });

  it('that are not in the table are skipped', () => {
    const newer = attributeSet({ unheardOf: [77, bytes], small: [1, u16] });
    const data = Buffer.from(newer.encode({ unheardOf: Buffer.from('xyz'), small: 7 }));
    expect(outer.decode(data)).to.deep.equal({ small: 7 });
  });

  it('that are cut short are told, never guessed', () => {
    const whole = Buffer.from(outer.encode({ name: 'round-robin' }));
    expect(() => outer.decode(whole.subarray(0, 8))).to.throw(RangeError, /attribute of 16 bytes at 0 of 8/);
    expect(() => outer.decode(Buffer.from('0200010000000000', 'hex'))).to.throw(RangeError);
  });
});
