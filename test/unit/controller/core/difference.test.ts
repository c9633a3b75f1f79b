import { expect } from 'chai';
import { describeChange } from '../../../../controller/core/difference.ts';
import type { VirtualService } from '../../../../controller/core/types.ts';

/** Servers as 'last octet=weight'. */
function portOf(port: number, ...servers: string[]): VirtualService {
  const realServers = servers.map((text) => {
    const [octet, weight] = text.split('=').map(Number);
    const state = weight === 0 ? ('draining' as const) : ('active' as const);
    return { address: `10.0.0.${octet}`, port: 8080, weight: weight ?? 0, state };
  });
  return { key: `TCP/${port}`, protocol: 'TCP', port, mark: port, realServers };
}

describe('difference', () => {
  it('says nothing where nothing changed', () => {
    expect(describeChange([portOf(80, '1=1')], [portOf(80, '1=1')])).to.deep.equal([]);
  });

  it('lists per port what was added, removed, drained, undrained and reweighted', () => {
    const before = [portOf(80, '1=1', '2=1', '3=0', '4=1', '5=1'), portOf(81, '1=1')];
    const after = [portOf(80, '1=1', '2=0', '3=1', '5=2', '6=1', '7=0'), portOf(81, '1=1')];
    expect(describeChange(before, after)).to.deep.equal([
      {
        key: 'TCP/80',
        port: 'changed',
        added: ['10.0.0.6:8080', '10.0.0.7:8080'],
        removed: ['10.0.0.4:8080'],
        drained: ['10.0.0.2:8080'],
        undrained: ['10.0.0.3:8080'],
        reweighted: ['10.0.0.5:8080'],
        serversNow: 4,
        drainingNow: 2,
      },
    ]);
  });

  it('tells ports that come and go, in canonical order', () => {
    const changes = describeChange([portOf(443, '1=1'), portOf(444)], [portOf(80, '1=1', '2=1')]);
    expect(
      changes.map(({ key, port, added, removed }) => [key, port, added.length, removed.length]),
    ).to.deep.equal([
      ['TCP/80', 'added', 2, 0],
      ['TCP/443', 'removed', 0, 1],
      ['TCP/444', 'removed', 0, 0],
    ]);
  });
});
