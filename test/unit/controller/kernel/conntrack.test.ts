import { expect } from 'chai';
import type { IpvsService } from '../../../../controller/core/types.ts';
import {
  busiestServerShare,
  masqueradePorts,
  readConntrack,
  sumStatistics,
} from '../../../../controller/kernel/conntrack.ts';

/** /proc/net/stat/nf_conntrack of Linux 7.2 with two CPUs. */
const statistics = `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
0000001c  00000000 00000000 00000000 00000003 00000000 00000000 00000000 00000000 0000000a 00000001 00000002 00000000  00000000 00000000 00000000 00000000
0000001c  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010 00000000 00000001 00000000  00000000 00000000 00000000 00000000
`;

function service(mark: number, flows: Record<string, [active: number, inactive: number]>): IpvsService {
  const destinations = Object.entries(flows).map(([server, [activeConnections, inactiveConnections]]) => ({
    address: server.split(':')[0] ?? '',
    port: Number(server.split(':')[1]),
    weight: 1,
    method: 'masq' as const,
    upperThreshold: 0,
    lowerThreshold: 0,
    activeConnections,
    inactiveConnections,
  }));
  return { family: 4, mark, scheduler: 'lc', flags: [], destinations };
}

describe('kernel: conntrack', () => {
  it('adds up the CPUs, in hexadecimal', () => {
    const { insert_failed, drop, early_drop, invalid } = sumStatistics(statistics);
    expect({ insert_failed, drop, early_drop, invalid }).to.deep.equal({
      insert_failed: 26,
      drop: 1,
      early_drop: 3,
      invalid: 3,
    });
  });

  it('says which file is missing and what that means', async () => {
    const told = await readConntrack('/nonexistent').catch((error: Error) => error.message);
    expect(told).to.match(/nf_conntrack_count cannot be read \(ENOENT\): .*modprobe nf_conntrack/);
  });

  it('finds the busiest real server, over all virtual services that share it', () => {
    const services = [
      service(1, { '10.0.0.1:80': [1000, 500], '10.0.0.2:80': [2000, 0] }),
      service(2, { '10.0.0.1:80': [800, 100], '10.0.0.2:8080': [2100, 0] }),
    ];
    expect(busiestServerShare(services)).to.deep.equal({
      share: 2400 / masqueradePorts,
      server: '10.0.0.1:80',
    });
    expect(busiestServerShare([])).to.deep.equal({ share: 0, server: undefined });
    expect(masqueradePorts).to.equal(64512);
  });
});
