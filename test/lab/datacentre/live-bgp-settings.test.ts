/** The settings of BGP changed live under traffic. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { describeRequest, expectCalm, mostOpen } from './outcome.ts';
import {
  bird,
  birdRoutes,
  deadlineMs,
  openSite,
  prefix,
  type Site,
  untilRouted,
  untilSessionsUp,
  urlsOf,
} from './site.ts';
import { besideTraffic } from './traffic.ts';

describe('settings of BGP changed live, under traffic', function () {
  this.timeout(600_000);
  let site: Site;

  before(async () => {
    site = await openSite();
  });
  after(() => site?.lab.close());

  it('communities: every path is told anew, no request fails, the route never changes', async () => {
    const { lab, service } = site;
    const communities = async (wanted: number) => {
      for (const { name } of lab.reflectors) {
        const shown = await birdRoutes(lab, name);
        const found = shown.match(/BGP\.community: \(64512,100\)/g)?.length ?? 0;
        if (found !== wanted) return { notYet: shown };
      }
      return true;
    };
    await besideTraffic(site, async () => {
      await service.updateSettings({ bgp: { communities: ['64512:100'] } });
      await waitFor('it on three paths of each reflector', () => communities(3), { deadlineMs });
      await service.updateSettings({ bgp: { communities: [] } });
      await waitFor('it to be gone', () => communities(0), { deadlineMs });
    });
  });

  it("next-hop: every path has the pod's address, the router still goes by the same nodes, only requests under way may break", async () => {
    const { lab, client, router, service, pods } = site;
    const since = router.history(prefix).length;
    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 40 });
    const fromMs = performance.now();
    const told = (address: (pod: LabLbPod) => string) =>
      waitFor(
        'three paths with it at each reflector',
        async () => {
          const shown = await Promise.all(lab.reflectors.map(({ name }) => birdRoutes(lab, name)));
          const all = shown.every((text) =>
            pods.every((pod) => text.includes(`BGP.next_hop: ${address(pod)}\n`)),
          );
          return all || { notYet: shown.join('\n') };
        },
        { deadlineMs },
      );
    await service.updateSettings({ bgp: { nextHop: 'podIP' } });
    await told(({ address }) => address);
    const { answered } = await load.progress();
    await waitFor('requests', async () => (await load.progress()).answered > answered + 30, { deadlineMs });
    await service.updateSettings({ bgp: { nextHop: 'nodeIP' } });
    await told(({ node }) => node.address);
    const toMs = performance.now();
    const report = await load.stop();
    // While a pod's paths differ the router holds its node by two names, and another order of next-hops moves flows.
    expectCalm(report, [{ fromMs, toMs, why: 'paths change one by one' }]);
    expect(report.failed.filter(({ error }) => error !== 'ECONNRESET').map(describeRequest)).to.deep.equal(
      [],
    );
    // Three LB pods at two reflectors, there and back; each moves at most half of the flows open then (RFC 2992, 3).
    const updates = pods.length * lab.reflectors.length * 2;
    expect(report.failed.length).to.be.at.most(updates * Math.ceil(mostOpen(report.results) / 2));
    for (const { nextHops } of router.history(prefix).slice(since))
      expect(nextHops).to.have.length.of.at.least(1);
    await untilRouted(site, pods);
  });

  it('the hold time: new sessions, one after the other: no request fails, the route never changes', async () => {
    const { lab, pods } = site;
    const [pod] = pods as [LabLbPod, ...LabLbPod[]];
    const session = (text: string) =>
      text.split(/\n(?=\S)/).find((part) => part.includes(pod.address)) ?? text;
    await besideTraffic(site, async () => {
      await pod.updateSettings({ bgp: { holdSeconds: 6 } });
      await waitFor(
        'sessions with the new hold time at both reflectors',
        async () => {
          const shown = await Promise.all(
            lab.reflectors.map(({ name }) => bird(lab, name, 'show protocols all')),
          );
          return (
            shown.every((text) => /Hold timer:\s+\S+\/6\b/.test(session(text))) || {
              notYet: shown.map(session).join('\n'),
            }
          );
        },
        { deadlineMs },
      );
      await untilSessionsUp(pod);
    });
    await untilRouted(site, pods);
  });
});
