import { BlockList, isIPv6 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { contains, familyOf, firstUsable, overlaps, type Prefix, parsePrefix } from '../../../common/cidr.ts';

function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(`${text} ${parsed}`);
  return parsed;
}

/** any address with its prefix of any length, host bits cleared by parsePrefix's own advice */
const prefixes = fc
  .oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
  )
  .map(([address, length]) => {
    const parsed = parsePrefix(`${address}/${length}`);
    return typeof parsed === 'string' ? prefixOf(parsed.replace(/.*the network is /, '')) : parsed;
  });

describe('cidr', () => {
  it('reads prefixes and writes them as RFC 5952 has it', () => {
    expect(parsePrefix('203.0.113.0/28')).to.deep.equal({
      text: '203.0.113.0/28',
      address: '203.0.113.0',
      length: 28,
      family: 4,
    });
    expect(prefixOf('2001:DB8:0:0:0:0:0:0/32').text).to.equal('2001:db8::/32');
    expect(prefixOf('::ffff:1.2.3.0/120').text).to.equal('::ffff:102:300/120');
    expect(prefixOf('2001:db8:0:1:0:0:0:1/128').text).to.equal('2001:db8:0:1::1/128');
    expect(prefixOf('1:0:0:2:0:0:0:3/128').text).to.equal('1:0:0:2::3/128');
    expect(prefixOf('1:0:2:0:3:0:4:0/112').text).to.equal('1:0:2:0:3:0:4:0/112');
    expect(prefixOf('::/0').text).to.equal('::/0');
  });

  it('says why a text is no prefix', () => {
    expect(parsePrefix('203.0.113.1/28')).to.equal('has host bits set; the network is 203.0.113.0/28');
    expect(parsePrefix('203.0.113.1')).to.equal('has no length; a single address is 203.0.113.1/32');
    for (const text of [
      '',
      'a',
      '1.2.3/8',
      '01.2.3.4/32',
      '1.2.3.4.5/8',
      ' 10.0.0.0/8',
      'fe80::1%eth0/128',
      '10.0.0.0 /8',
    ])
      expect(parsePrefix(text), text).to.match(/^is not an IP prefix/);
    for (const text of [
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '10.0.0.0/08',
      '10.0.0.0/8/8',
      '10.0.0.0/1e1',
      '::/129',
    ])
      expect(parsePrefix(text), text).to.match(/^has a length that is not a number from 0 to/);
  });

  it('gives the first usable address', () => {
    expect(firstUsable(prefixOf('203.0.113.0/28'))).to.equal('203.0.113.1');
    expect(firstUsable(prefixOf('203.0.113.4/31'))).to.equal('203.0.113.4');
    expect(firstUsable(prefixOf('203.0.113.4/32'))).to.equal('203.0.113.4');
    expect(firstUsable(prefixOf('2001:db8::/64'))).to.equal('2001:db8::1');
  });

  it('names the family of an address', () => {
    expect([familyOf('1.2.3.4'), familyOf('::1'), familyOf('1.2.3'), familyOf('')]).to.deep.equal([
      4,
      6,
      undefined,
      undefined,
    ]);
  });

  it('is its own canonical text, and contains its first usable address (property)', () => {
    fc.assert(
      fc.property(prefixes, (prefix) => {
        expect(prefixOf(prefix.text)).to.deep.equal(prefix);
        expect(contains(prefix, prefix.address)).to.equal(true);
        expect(contains(prefix, firstUsable(prefix))).to.equal(true);
      }),
    );
  });

  it('agrees with net.BlockList on what a prefix contains (property)', () => {
    fc.assert(
      fc.property(prefixes, fc.oneof(fc.ipV4(), fc.ipV6()), (prefix, address) => {
        // BlockList looks into ::ffff:0:0/96 as IPv4; a prefix here is of one family only
        fc.pre(!(prefix.family === 4 && isIPv6(address)) && !(prefix.family === 6 && !isIPv6(address)));
        const list = new BlockList();
        list.addSubnet(prefix.address, prefix.length, prefix.family === 4 ? 'ipv4' : 'ipv6');
        expect(contains(prefix, address)).to.equal(list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'));
      }),
    );
  });

  it('overlaps the same way round, and only where one contains the other (property)', () => {
    fc.assert(
      fc.property(prefixes, prefixes, (a, b) => {
        expect(overlaps(a, b)).to.equal(overlaps(b, a));
        expect(overlaps(a, b)).to.equal(contains(a, b.address) || contains(b, a.address));
        expect(overlaps(a, a)).to.equal(true);
      }),
    );
  });
});
