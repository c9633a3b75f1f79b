/** Nodes that lose their kubelet, or their power. */
import { expect } from 'chai';
import type { ClusterNode, Pod } from '../../../lab/cluster/cluster.ts';
import { waitFor } from '../../../lab/wait.ts';
import { describeFailed, holdSeconds, openVictim, prefix, url, type Victim } from './victim.ts';

const patientMs = 240_000;

describe('nodes that fail', function () {
  this.timeout(2 * patientMs);
  let victim: Victim;
  let first: ClusterNode;
  let last: ClusterNode;

  before(async function () {
    this.timeout(600_000);
    victim = await openVictim();
    [first, , last] = victim.cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
  });

  const untilNode = (node: ClusterNode, status: 'True' | 'Unknown') =>
    waitFor(
      `${node.name} to have Ready=${status}`,
      async () => {
        const seen = await victim.cluster.get<Pod>('nodes', node.name);
        const ready = seen?.status.conditions?.find(({ type }) => type === 'Ready')?.status;
        return ready === status || { notYet: ready ?? 'no condition' };
      },
      { deadlineMs: patientMs, everyMs: 300 },
    );
  const allNodes = () => victim.cluster.nodes.map(({ address }) => address);

  it('kubelet stopped: what runs goes on, and no request fails', async () => {
    const traffic = await victim.underLoad(async () => {
      await first.stopProgram('kubelet');
      try {
        await untilNode(first, 'Unknown');
        expect(victim.cluster.router.nextHops(prefix)).to.include(first.address);
      } finally {
        await first.startProgram('kubelet');
      }
      await untilNode(first, 'True');
      await victim.pods(patientMs);
      await victim.cluster.router.waitForNextHops(prefix, allNodes(), patientMs);
    });
    expect(traffic.strays, describeFailed(traffic)).to.deep.equal([]);
  });

  it('power lost: the routers forget it after the hold time, and it comes back', async function () {
    const report = await victim.underLoad(async () => {
      const killedAtMs = performance.now();
      await last.kill();
      const others = allNodes().filter((address) => address !== last.address);
      const change = await victim.cluster.router.waitForNextHops(prefix, others, patientMs);
      const seconds = (change.atMs - killedAtMs) / 1000;
      if (this.test)
        this.test.title += ` [next-hop gone after ${seconds.toFixed(1)} s, hold time ${holdSeconds} s]`;
      expect(seconds).to.be.below(holdSeconds + 3);
      const { failed } = await victim.cluster.client.requests({ urls: [url], count: 60 });
      // A server there is in the rules until the health check has missed it.
      expect(failed.filter(({ error }) => error !== undefined && !/timeout/i.test(error))).to.deep.equal([]);
      await waitFor(
        'sixty requests in a row to be answered',
        async () => {
          const again = await victim.cluster.client.requests({ urls: [url], count: 60, timeoutMs: 2_000 });
          return again.failed.length === 0 || { notYet: `${again.failed.length} failed` };
        },
        { deadlineMs: 60_000 },
      );
    });
    await last.start();
    await untilNode(last, 'True');
    await victim.cluster.waitForNodes(patientMs);
    await victim.pods(patientMs);
    await victim.cluster.router.waitForNextHops(prefix, allNodes(), patientMs);
    expect(report.strays, describeFailed(report)).to.deep.equal([]);
  });
});
