import { expect } from 'chai';
import type { VirtualService } from '../../../controller/core/types.ts';
import { activeOf, reportChecks } from '../../../controller/report.ts';

describe('report', () => {
  it('takes no server for one that failed its check that drains, has left, or is of another port', () => {
    const server = (address: string, state: 'active' | 'draining') => ({
      address,
      port: 8080,
      weight: state === 'active' ? 1 : 0,
      state,
    });
    const services: VirtualService[] = [
      {
        key: 'TCP/80',
        protocol: 'TCP',
        port: 80,
        mark: 3,
        realServers: [server('10.42.1.1', 'active'), server('10.42.1.2', 'draining')],
      },
    ];
    const out = new Set(['3 10.42.1.1:8080', '3 10.42.1.2:8080', '3 10.42.1.9:8080', '2 10.42.1.1:8080']);
    expect([...activeOf(services, out)]).to.deep.equal(['3 10.42.1.1:8080']);
  });

  it('names a server that failed its check by the port of the Service', () => {
    const told: string[] = [];
    const tell = (_event: string, _fields: object, text: string) => void told.push(text);
    const log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
    const ports: VirtualService[] = [{ key: 'TCP/80', protocol: 'TCP', port: 80, mark: 3, realServers: [] }];
    const [one, none] = [new Set(['3 10.42.1.1:8080']), new Set<string>()];
    reportChecks(log, 'default/web', { before: none, now: one, ports });
    reportChecks(log, 'default/web', { before: one, now: none, ports });
    expect(told).to.deep.equal([
      'default/web health check failed, taken out: TCP/80 10.42.1.1:8080',
      'default/web health check passes again: TCP/80 10.42.1.1:8080',
    ]);
  });
});
