/** LB pods become next-hops: one to a node, several services beside each other, several LB pods on one node. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import type { LabService } from '../../../lab/roles/service.ts';
import { expectCalm, expectFewBroken, expectNoneFailed, expectSpread } from './outcome.ts';
import { addLbPods, deadlineMs, nodesOf, openSite, prefix, type Site, untilRouted, urlsOf } from './site.ts';

const prefixB = '198.51.100.0/29';

describe('announce: LB pods become next-hops', function () {
  this.timeout(600_000);
  let site: Site;
  let serviceB: LabService;
  let podsB: LabLbPod[];

  before(async () => {
    site = await openSite({ nodes: 3, lbPods: 1 });
  });
  after(() => site?.lab.close());

  const addressesOf = (pods: LabLbPod[]) => pods.map((pod) => pod.address);

  it('one LB pod: one next-hop, every address of the prefix answers, over every server @both', async () => {
    const { client, router, service, pods } = site;
    expect(router.nextHops(prefix)).to.deep.equal(nodesOf(pods));
    const urls = Array.from({ length: 16 }, (_, nth) => service.url(nth));
    const report = await client.requests({ urls, count: 64 });
    expectNoneFailed(report);
    expect(report.perLbPod).to.deep.equal({ [pods[0]?.address as string]: 64 });
    expectSpread(
      report.perServer,
      service.servers.map(({ name }) => name),
    );
  });

  it('three LB pods on three nodes: three next-hops of one route, requests spread over all three @both', async () => {
    const { client, router, service, nodes, pods } = site;
    pods.push(...(await addLbPods(site, nodes.slice(1))));
    await untilRouted(site, pods);
    const table = await router.exec(['ip', 'route', 'show', prefix]);
    expect(table.match(/nexthop via 10\.0\.0\.[123] dev eth0 weight 1/g), table).to.have.length(3);
    const report = await client.requests({ urls: urlsOf(service), count: 300 });
    expectNoneFailed(report);
    expectSpread(report.perLbPod, addressesOf(pods));
  });

  it('a second service on the same nodes: a route of its own, and neither sees the other @both', async () => {
    const { lab, client, router, nodes, service, pods } = site;
    const before = router.history(prefix).length;
    serviceB = lab.service({
      name: 'b',
      prefixes: [prefixB],
      ports: [{ port: 80, targetPort: 9090 }],
      settings: { drain: { seconds: 2 } },
    });
    [podsB] = await Promise.all([
      addLbPods({ lab, service: serviceB }, nodes.slice(0, 2)),
      serviceB.setServers(2),
    ]);
    await untilRouted(site, podsB, prefixB);
    const [a, b] = await Promise.all([
      client.requests({ urls: urlsOf(service), count: 150 }),
      client.requests({ urls: [1, 3, 6].map((nth) => serviceB.url(nth)), count: 150 }),
    ]);
    expectNoneFailed(a);
    expectNoneFailed(b);
    expectSpread(a.perLbPod, addressesOf(pods));
    expectSpread(b.perLbPod, addressesOf(podsB));
    expect(Object.keys(a.perServer).every((name) => name.startsWith('web-'))).to.equal(true);
    expect(Object.keys(b.perServer).every((name) => name.startsWith('b-'))).to.equal(true);
    expect(router.history(prefix).slice(before), 'changes of the first service').to.deep.equal([]);
    expect(await pods[0]?.ipvs()).to.not.match(/:9090/);
  });

  it('all LB pods of the second service leave: its route goes, the first is not touched @both', async () => {
    const { client, router, service } = site;
    const before = router.history(prefix).length;
    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 40 });
    const ends = await Promise.all(podsB.map((pod) => pod.terminate()));
    await router.waitForNextHops(prefixB, [], deadlineMs);
    expectNoneFailed(await load.stop());
    expect(ends.map(({ controller, sidecar }) => [controller, sidecar])).to.deep.equal([
      [0, 0],
      [0, 0],
    ]);
    expect(router.history(prefix).slice(before)).to.deep.equal([]);
  });

  it('two LB pods on one node: one next-hop, both get traffic; one leaves and nothing begun after it fails', async () => {
    const { lab, client, router, nodes, service, pods } = site;
    const [first, ...others] = pods as [LabLbPod, ...LabLbPod[]];
    const node = first.node;
    const before = router.history(prefix).length;
    const [second] = (await addLbPods({ lab, service }, [node])) as [LabLbPod];
    const routeHas = (wanted: LabLbPod[]) =>
      waitFor(
        `the route of ${node.name} to lead to ${wanted.map(({ name }) => name)}`,
        async () => {
          const seen = (await node.route(prefix)) ?? 'no route';
          const vias = [...seen.matchAll(/via (\S+)/g)].map((match) => match[1]).sort();
          return `${vias}` === `${addressesOf(wanted).sort()}` || { notYet: seen };
        },
        { deadlineMs },
      );
    await routeHas([first, second]);
    await waitFor('its announcement', () => second.speakerState()?.prefixes, { deadlineMs });
    const both = await client.requests({ urls: urlsOf(service), count: 600 });
    expectNoneFailed(both);
    expect(router.nextHops(prefix)).to.deep.equal(nodesOf(pods));
    expect(Object.keys(both.perLbPod).sort()).to.deep.equal(addressesOf([...pods, second]).sort());
    // The node's share is one third of all, and each of its two LB pods has about half of it.
    const share = (pod: LabLbPod) => both.perLbPod[pod.address] ?? 0;
    expect(share(first) + share(second)).to.be.within(600 * 0.2, 600 * 0.48);
    expect(Math.min(share(first), share(second))).to.be.at.least((share(first) + share(second)) * 0.25);

    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 100 });
    await waitFor('requests', async () => (await load.progress()).answered > 50, { deadlineMs });
    const leavesAtMs = performance.now();
    const leaving = first.terminate();
    await routeHas([second]);
    const leftAtMs = performance.now();
    expect((await leaving).controller).to.equal(0);
    const { answered } = await load.progress();
    await waitFor('requests after', async () => (await load.progress()).answered > answered + 50, {
      deadlineMs,
    });
    const report = await load.stop();
    const moving = { fromMs: leavesAtMs, toMs: leftAtMs, why: 'the node moving its flows' };
    expectCalm(report, [moving]);
    expectFewBroken(report, moving);
    const after = report.results.filter(({ startedAtMs }) => startedAtMs > leftAtMs);
    expect(after.map(({ from }) => from)).to.not.include(first.address);
    expect(router.history(prefix).slice(before), "the router's route").to.deep.equal([]);
    expect(nodesOf([second, ...others]).sort()).to.deep.equal(nodes.map(({ address }) => address).sort());
  });
});
