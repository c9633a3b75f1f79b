import { expect } from 'chai';
import type { VirtualService } from '../../../controller/core/types.ts';
import { activeOf } from '../../../controller/report.ts';

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
});
