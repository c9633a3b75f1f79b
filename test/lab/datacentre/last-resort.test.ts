/** A lease that lapsed: the LB pod is passed over while a healthy one is left, and serves when none is. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { expectCalm, expectOnlyMoved } from './outcome.ts';
import {
  birdRoutes,
  deadlineMs,
  openSite,
  prefix,
  type Site,
  speakerOf,
  untilRouted,
  urlsOf,
} from './site.ts';

const leaseSeconds = 4;
const lastResortSeconds = 8;

describe('last resort: controllers that are dead or stuck', function () {
  this.timeout(600_000);
  let site: Site;

  before(async () => {
    site = await openSite({ settings: { lease: { seconds: leaseSeconds }, bgp: { lastResortSeconds } } });
  });
  after(() => site?.lab.close());

  const untilTold = (pods: LabLbPod[], kind: string) =>
    waitFor(
      `${pods.map(({ name }) => name)} to tell ${prefix} as ${kind}`,
      () => {
        const told = pods.map((pod) => speakerOf(pod)?.prefixes[prefix]);
        return told.every((each) => each === kind) || { notYet: `${told}` };
      },
      { deadlineMs },
    );

  /** The attributes of each path, as BIRD prints them after its line. */
  const attributes = (text: string, name: string) =>
    [...text.matchAll(new RegExp(`BGP\\.${name}: (.*)`, 'g'))].map((match) => match[1]?.trim());

  for (const [what, stop, goOn] of [
    [
      'dead',
      (pod: LabLbPod) => pod.controller.kill({ after: 'dead' }),
      async (pod: LabLbPod) => pod.controller.revive(),
    ],
    [
      'stuck',
      async (pod: LabLbPod) => pod.controller.signal('SIGSTOP'),
      async (pod: LabLbPod) => pod.controller.signal('SIGCONT'),
    ],
  ] as const) {
    it(`one controller ${what} beside healthy ones: passed over, no new request reaches it, and back when it is`, async () => {
      const { client, router, service, pods } = site;
      const [sick, ...healthy] = pods as [LabLbPod, ...LabLbPod[]];
      const since = router.history(prefix).length;
      const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 50 });
      await stop(sick);
      const gone = await untilRouted(site, healthy);
      await untilTold([sick], 'last-resort');
      const { answered } = await load.progress();
      await waitFor('requests', async () => (await load.progress()).answered > answered + 50, { deadlineMs });
      expect(await birdRoutes(site.lab, 'reflector-1')).to.match(/BGP\.local_pref: 0\b[\s\S]*\(65535,0\)/);
      const backAtMs = performance.now();
      await goOn(sick);
      await untilRouted(site, pods);
      await untilTold([sick], 'announced');
      const report = await load.stop();
      expectOnlyMoved(report, router.history(prefix).slice(since));
      const between = report.results.filter(
        ({ startedAtMs }) => startedAtMs > gone.atMs && startedAtMs < backAtMs,
      );
      expect(between.length).to.be.greaterThan(40);
      expect(between.map(({ from }) => from)).to.not.include(sick.address);
      const changes = router.history(prefix).slice(since);
      for (const { nextHops } of changes)
        expect(nextHops).to.include.members(healthy.map(({ node }) => node.address));
    });
  }

  it('all controllers dead: traffic goes on by last resort, and ends after bgp.lastResortSeconds', async () => {
    const { client, router, service, pods } = site;
    const since = router.history(prefix).length;
    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 50 });
    await Promise.all(pods.map((pod) => pod.controller.kill({ after: 'dead' })));
    await untilTold(pods, 'last-resort');
    const told = await birdRoutes(site.lab, 'reflector-1');
    expect(attributes(told, 'local_pref'), told).to.deep.equal(['0', '0', '0']);
    expect(attributes(told, 'community'), told).to.deep.equal(['(65535,0)', '(65535,0)', '(65535,0)']);
    await untilRouted(site, pods);
    expect(attributes(await birdRoutes(site.lab, 'router'), 'local_pref')).to.include('0');
    const { answered } = await load.progress();
    await waitFor('requests', async () => (await load.progress()).answered > answered + 50, { deadlineMs });
    const endedAtMs = performance.now();
    const report = await load.stop();
    const changes = router.history(prefix).slice(since);
    expectOnlyMoved(report, changes);
    expect(changes.filter(({ nextHops }) => nextHops.length === 0)).to.deep.equal([]);
    const last = report.results.filter(({ startedAtMs }) => startedAtMs > endedAtMs - 1000);
    expect(last.filter(({ status }) => status !== 200)).to.deep.equal([]);

    await router.waitForNextHops(prefix, [], deadlineMs);
    await untilTold(pods, 'withdrawn');
    for (const pod of pods) pod.controller.revive();
    await untilRouted(site, pods);
    const after = await client.requests({ urls: urlsOf(service), count: 60 });
    expectCalm(after, []);
  });
});
