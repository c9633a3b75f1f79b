/** SIGTERM: withdrawn first, then the flows that still come have the drain time, then both containers exit 0. */
import { expect } from 'chai';
import type { Load } from '../../../lab/api.ts';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { expectNoneFailed, expectOnlyMoved } from './outcome.ts';
import {
  addLbPods,
  deadlineMs,
  type LogLine,
  logLines,
  noteFigure,
  openSite,
  pinAddress,
  prefix,
  type Site,
  speakerOf,
  untilRouted,
  urlsOf,
} from './site.ts';

const drainSeconds = 4;
/** Of this address one router knows no better: it goes on sending to the LB pod that leaves. */
const pinned = '203.0.113.7';

describe('drain: an LB pod leaves by SIGTERM', function () {
  this.timeout(600_000);
  let site: Site;
  /** Never leaves, so that there is always a route. */
  let stays: LabLbPod;

  before(async () => {
    site = await openSite({ nodes: 3, lbPods: 1, settings: { drain: { seconds: drainSeconds } } });
    stays = site.pods[0] as LabLbPod;
  });
  after(() => site?.lab.close());

  const loads: Load[] = [];
  /** What a test that failed left behind. */
  afterEach(async () => {
    for (const load of loads.splice(0)) await load.stop().catch(() => undefined);
    await site.router.exec(['ip', 'route', 'del', `${pinned}/32`]).catch(() => undefined);
  });

  /** An LB pod to lose, on a node of its own. */
  async function newGuest(nodeIndex: number, settings: Record<string, unknown> = {}): Promise<LabLbPod> {
    const node = site.nodes[nodeIndex] as Site['nodes'][number];
    const [pod] = (await addLbPods(site, [node], { settings })) as [LabLbPod];
    await waitFor('its next-hop', () => site.router.nextHops(prefix).includes(node.address), { deadlineMs });
    return pod;
  }

  function goneAt(pod: LabLbPod, since: number): number | undefined {
    const changes = site.router.history(prefix).slice(since);
    return changes.find(({ nextHops }) => !nextHops.includes(pod.node.address))?.atMs;
  }

  const untilGone = (pod: LabLbPod, since: number) =>
    waitFor(`the next-hop of ${pod.name} to go`, () => goneAt(pod, since), { deadlineMs });

  const drainedLine = (pod: LabLbPod, from = 0): LogLine | undefined =>
    logLines(pod.controller, from).find(({ event }) => event === 'drained');

  async function holdConnections(address: string): Promise<Load> {
    const load = await site.client.startLoad({
      urls: [`http://${address}/`],
      keepAliveConnections: 4,
      ratePerSecond: 40,
    });
    loads.push(load);
    await waitFor('answers', async () => (await load.progress()).answered > 40, { deadlineMs });
    return load;
  }

  it('withdraws first; keep-alive connections that still come go on for the drain time; both exit 0', async function () {
    const { client, router, service } = site;
    const leaver = await newGuest(1);
    await pinAddress(site, pinned, leaver);
    const held = await holdConnections(pinned);
    const fresh = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 50 });
    loads.push(fresh);
    await waitFor('new connections', async () => (await fresh.progress()).answered > 30, { deadlineMs });
    const since = router.history(prefix).length;
    const askedAtMs = performance.now();
    const ending = leaver.terminate();
    const goneAtMs = await untilGone(leaver, since);
    expect(drainedLine(leaver), 'drained before the router had withdrawn').to.equal(undefined);
    await waitFor(
      'the sidecar to say so',
      () => {
        const state = speakerOf(leaver);
        const said = state?.stopping === true && state.prefixes[prefix] === 'withdrawn';
        return said || { notYet: JSON.stringify(state) };
      },
      { deadlineMs },
    );
    const line = await waitFor('the end of the drain', () => drainedLine(leaver), { deadlineMs });
    const drained = await held.stop();
    const { controller, sidecar, durationMs } = await ending;
    await router.exec(['ip', 'route', 'del', `${pinned}/32`]);
    const report = await fresh.stop();

    expect([controller, sidecar]).to.deep.equal([0, 0]);
    expect(line).to.include({ withdrawn: 'confirmed', ended: 'drain time over' });
    expect(line.drainMs).to.be.within(drainSeconds * 1000, drainSeconds * 1000 + 3000);
    expect(durationMs).to.be.greaterThan(drainSeconds * 1000);
    expectOnlyMoved(report, router.history(prefix).slice(since));
    // Answers of the LB pod that leaves until its time was over, all of them on the connections of before.
    const endedAtMs = goneAtMs + drainSeconds * 1000 - 1000;
    const inTime = drained.results.filter(({ startedAtMs }) => startedAtMs < endedAtMs);
    expect(inTime.filter(({ error }) => error !== undefined)).to.deep.equal([]);
    expect([...new Set(inTime.map(({ from }) => from))]).to.deep.equal([leaver.address]);
    expect(inTime.filter(({ startedAtMs }) => startedAtMs > goneAtMs).length).to.be.greaterThan(20);
    noteFigure(this, `route gone after ${Math.round(goneAtMs - askedAtMs)} ms`);
  });

  it('without traffic the drain ends before its time', async () => {
    const leaver = await newGuest(2, { drain: { seconds: 50 } });
    const since = site.router.history(prefix).length;
    const from = leaver.controller.logText().length;
    const { controller, sidecar, durationMs } = await leaver.terminate({ graceSeconds: 60 });
    expect(goneAt(leaver, since), 'withdrawn').to.be.a('number');
    expect([controller, sidecar]).to.deep.equal([0, 0]);
    expect(drainedLine(leaver, from)).to.include({ ended: 'traffic ceased', connectionsLeft: 0 });
    expect(durationMs).to.be.lessThan(45_000);
  });

  it('a second SIGTERM ends the controller at once', async () => {
    const leaver = await newGuest(1, { drain: { seconds: 50 } });
    await pinAddress(site, pinned, leaver);
    const held = await holdConnections(pinned);
    const from = leaver.controller.logText().length;
    const ending = leaver.terminate({ graceSeconds: 60 });
    await leaver.controller.waitForLog(/"event":"stop"/, { deadlineMs, sinceOffset: from });
    await leaver.sidecar.waitForExit(deadlineMs);
    leaver.controller.signal('SIGTERM');
    const { controller, sidecar, durationMs } = await ending;
    await held.stop();
    await site.router.exec(['ip', 'route', 'del', `${pinned}/32`]);
    expect([controller, sidecar]).to.deep.equal([128 + 15, 0]);
    expect(drainedLine(leaver, from)).to.equal(undefined);
    expect(durationMs).to.be.lessThan(45_000);
  });

  it('a grace period shorter than the drain: killed at its end, withdrawn all the same', async () => {
    const { router } = site;
    const leaver = await newGuest(2, { drain: { seconds: 50 } });
    await pinAddress(site, pinned, leaver);
    const held = await holdConnections(pinned);
    const since = router.history(prefix).length;
    const { controller, sidecar, durationMs } = await leaver.terminate({ graceSeconds: 3 });
    const report = await held.stop();
    await router.exec(['ip', 'route', 'del', `${pinned}/32`]);
    expect(goneAt(leaver, since)).to.be.a('number');
    expect([controller, sidecar]).to.deep.equal([128 + 9, 0]);
    expect(durationMs).to.be.greaterThan(2_900);
    expect(report.results.filter(({ status }) => status === 200).length).to.be.greaterThan(40);
  });

  it('the controller is dead already: the sidecar withdraws first all the same', async () => {
    const { client, router, service } = site;
    const leaver = await newGuest(1);
    await leaver.controller.kill({ after: 'dead' });
    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 40 });
    await waitFor('requests', async () => (await load.progress()).answered > 30, { deadlineMs });
    const since = router.history(prefix).length;
    const { sidecar } = await leaver.terminate();
    const goneAtMs = await untilGone(leaver, since);
    const report = await load.stop();
    expect(sidecar).to.equal(0);
    expectOnlyMoved(report, router.history(prefix).slice(since));
    const after = report.results.filter(({ startedAtMs }) => startedAtMs > goneAtMs);
    expect(after.map(({ from }) => from)).to.not.include(leaver.address);
  });

  it('the sidecar is dead: the controller waits its time for it, drains all the same, exits 0', async () => {
    const leaver = await newGuest(2);
    const since = site.router.history(prefix).length;
    await leaver.sidecar.kill({ after: 'dead' });
    // Its session ended with it, and the route with the session.
    await untilGone(leaver, since);
    await pinAddress(site, pinned, leaver);
    const held = await holdConnections(pinned);
    const from = leaver.controller.logText().length;
    const ending = leaver.terminate();
    const line = await waitFor('the end of the drain', () => drainedLine(leaver, from), { deadlineMs });
    const report = await held.stop();
    const { controller, sidecar } = await ending;
    await site.router.exec(['ip', 'route', 'del', `${pinned}/32`]);
    expect([controller, sidecar]).to.deep.equal([0, 128 + 9]);
    expect(line).to.include({ withdrawn: 'not confirmed', ended: 'drain time over' });
    expect(line.withdrawMs).to.be.at.least(3_000);
    expect(report.results.filter(({ status }) => status === 200).length).to.be.greaterThan(100);
  });

  it('the LB pod that stayed has never left the route and answers', async () => {
    const { client, router, service } = site;
    await untilRouted(site, [stays]);
    const changes = router.history(prefix).filter(({ nextHops }) => nextHops.length > 0);
    const first = changes.findIndex(({ nextHops }) => nextHops.includes(stays.node.address));
    expect(changes.slice(first).every(({ nextHops }) => nextHops.includes(stays.node.address))).to.equal(
      true,
    );
    expectNoneFailed(await client.requests({ urls: urlsOf(service), count: 40 }));
  });
});
