import { expect } from 'chai';
import { createLogger } from '../../../common/log.ts';
import type { Ipvs } from '../../../controller/kernel/ipvs.ts';
import { createMetrics } from '../../../controller/metrics.ts';
import { observe } from '../../../controller/observe.ts';

type Held = Awaited<ReturnType<Ipvs['counters']>>;

/** Looks once at what IPVS says. */
async function lookAt(metrics: ReturnType<typeof createMetrics>, held: Held): Promise<string> {
  const once = new AbortController();
  const ipvs = {
    services: async () => [],
    counters: async () => {
      once.abort();
      return held;
    },
  } as unknown as Ipvs;
  const log = createLogger({ program: 'test', level: 'error' });
  await observe({ ipvs: async () => ipvs, keepalived: { restarts: 0 }, metrics, log }, once.signal);
  return metrics.registry.metrics();
}

function carried(mark: number, inPackets: number): Held[number] {
  const service = { family: 4, mark, scheduler: 'lc', flags: [], destinations: [] } as const;
  return {
    service: { ...service, destinations: [] },
    counters: {
      connections: inPackets / 10,
      inPackets,
      outPackets: 7,
      inBytes: inPackets * 100,
      outBytes: 9,
    },
  };
}

describe('observe', () => {
  it("shows the kernel's counters of each virtual service as they stand", async () => {
    const metrics = createMetrics({ snapshotAgeSeconds: () => undefined });
    await lookAt(metrics, [carried(1, 100), carried(2, 20)]);
    const text = await lookAt(metrics, [carried(1, 150), carried(2, 20)]);
    expect(text).to.include('portable_lb_packets_total{mark="1"} 150\n');
    expect(text).to.include('portable_lb_packets_total{mark="2"} 20\n');
    expect(text).to.include('portable_lb_bytes_total{mark="1"} 15000\n');
    expect(text).to.include('portable_lb_connections_total{mark="1"} 15\n');
  });

  it('forgets a virtual service that has gone', async () => {
    const metrics = createMetrics({ snapshotAgeSeconds: () => undefined });
    await lookAt(metrics, [carried(1, 100), carried(2, 20)]);
    const text = await lookAt(metrics, [carried(2, 30)]);
    expect(text).not.to.include('mark="1"');
    expect(text).to.include('portable_lb_packets_total{mark="2"} 30\n');
  });
});
