import { expect } from 'chai';
import fc from 'fast-check';
import { decodeAddress, encodeAddress, familyOf } from '../../../../controller/kernel/addresses.ts';

describe('kernel: addresses', () => {
  it('of both families come back as they went', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(decodeAddress(4, encodeAddress(address))).to.equal(address);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (data) => {
        fc.pre(!data.slice(0, 10).every((byte) => byte === 0)); // ::ffff:1.2.3.4 has two spellings
        const address = decodeAddress(6, data);
        expect(familyOf(address)).to.equal(6);
        expect([...encodeAddress(address)]).to.deep.equal([...data]);
      }),
    );
  });

  it('in short spellings are understood', () => {
    expect(Buffer.from(encodeAddress('2001:db8::7')).toString('hex')).to.equal(
      '20010db8000000000000000000000007',
    );
    expect(Buffer.from(encodeAddress('::')).toString('hex')).to.equal('0'.repeat(32));
    expect(Buffer.from(encodeAddress('fe80::')).toString('hex')).to.equal(`fe80${'0'.repeat(28)}`);
  });
});
