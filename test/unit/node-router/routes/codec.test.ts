import { expect } from 'chai';
import fc from 'fast-check';
import { canonical } from '../../../../node-router/core/addresses.ts';
import { decodeRoute, encodeRoute, mainTable } from '../../../../node-router/routes/codec.ts';

const anyAddress = fc.ipV4().filter((address) => !address.startsWith('0.'));
const anyRoute = fc.record({
  prefix: fc
    .tuple(anyAddress, fc.integer({ min: 0, max: 32 }))
    .map(([address, length]) => `${address}/${length}`),
  metric: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  protocol: fc.integer({ min: 0, max: 255 }),
  interfaceIndex: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  nexthops: fc.uniqueArray(anyAddress, { minLength: 1, maxLength: 64 }).map(canonical),
});
const decode = (route: Parameters<typeof encodeRoute>[0]) =>
  decodeRoute(Buffer.concat(encodeRoute(route, 'new')));

describe('node router: rtnetlink route messages', () => {
  it('reads what it writes, with one next hop or many', () => {
    fc.assert(
      fc.property(anyRoute, ({ interfaceIndex, ...route }) => {
        expect(decode({ ...route, type: 'unicast', interfaceIndex })).to.deep.equal({
          ...route,
          type: 'unicast',
          plain: true,
          table: mainTable,
        });
      }),
    );
  });

  it('reads a blackhole', () => {
    const route = { prefix: '203.0.113.0/28', metric: 7, protocol: 142, nexthops: [] };
    expect(decode({ ...route, type: 'blackhole', interfaceIndex: 0 })).to.deep.include({
      ...route,
      type: 'blackhole',
    });
  });

  it('is byte for byte what iproute2 sends for two next hops', () => {
    // strace -x (iproute2 6.15) of: ip route replace 203.0.113.0/28 proto 142 nexthop via 10.1.0.2 nexthop via 10.1.0.3
    const message = encodeRoute(
      {
        prefix: '203.0.113.0/28',
        metric: 0,
        protocol: 142,
        type: 'unicast',
        nexthops: ['10.1.0.2', '10.1.0.3'],
        interfaceIndex: 0,
      },
      'new',
    );
    expect(Buffer.concat(message).toString('hex')).to.equal(
      [
        '021c0000fe8e000100000000', // AF_INET, /28, main, proto 142, universe, unicast
        '08000100cb007100', // RTA_DST
        '24000900', // RTA_MULTIPATH
        '1000000000000000080005000a010002',
        '1000000000000000080005000a010003',
      ].join(''),
    );
  });

  it('sees a weight, which it would never set', () => {
    const message = Buffer.concat(
      encodeRoute(
        {
          prefix: '203.0.113.0/28',
          metric: 0,
          protocol: 142,
          type: 'unicast',
          nexthops: ['10.1.0.2', '10.1.0.3'],
          interfaceIndex: 0,
        },
        'new',
      ),
    );
    message.writeUInt8(1, message.indexOf('1000000000000000', 0, 'hex') + 3);
    expect(decodeRoute(message)).to.deep.include({ plain: false, nexthops: ['10.1.0.2', '10.1.0.3'] });
  });

  it('passes over other families, cached entries, routes of one TOS, and anything cut short', () => {
    const header = (family: number, tos: number, flags: number) => {
      const bytes = Buffer.alloc(12);
      bytes.writeUInt8(family, 0);
      bytes.writeUInt8(tos, 3);
      bytes.writeUInt32LE(flags, 8);
      return bytes;
    };
    expect(decodeRoute(header(2, 0, 0))?.prefix).to.equal('0.0.0.0/0');
    expect(decodeRoute(header(10, 0, 0))).to.equal(undefined);
    expect(decodeRoute(header(2, 8, 0))).to.equal(undefined);
    expect(decodeRoute(header(2, 0, 0x200))).to.equal(undefined);
    expect(decodeRoute(Buffer.alloc(4))).to.equal(undefined);
  });
});
