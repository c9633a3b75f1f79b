import { expect } from 'chai';
import { waitFor } from '../../../lab/wait.ts';
import { type BgpPeer, type SeenRoute, startBird, startGobgp, waitForRoutes } from './peers.ts';
import { type Pod, prefixA, prefixB, startPod, waitForSession } from './pod.ts';
import { nodeIP, openSegment, type Segment } from './segment.ts';

const bird = '10.9.0.251';
const gobgp = '10.9.0.252';
const route = (prefix: string): SeenRoute => ({
  prefix,
  nextHop: nodeIP,
  localPreference: 100,
  communities: [],
});

describe('bgp-sidecar: what fails is told apart, counted and mended', function () {
  this.timeout(180_000);
  let segment: Segment;
  let peers: BgpPeer[];
  let pod: Pod;

  beforeEach(async () => {
    segment = await openSegment([bird, gobgp]);
    peers = [await startBird(segment, { address: bird }), await startGobgp(segment, { address: gobgp })];
    pod = startPod(segment, { bgp: { peers: [{ address: bird }, { address: gobgp }] } });
    await waitForSession(pod, bird, true);
    await waitForSession(pod, gobgp, true);
    await pod.lease('yes');
    await waitForRoutes(peers, [route(prefixA)]);
  });
  afterEach(() => segment.close());

  const faults = (kind: string) => pod.metric('portable_lb_bgp_faults_total', { kind });

  it('ExaBGP killed: routes go at once, and come back with the next ExaBGP', async () => {
    const before = pod.exabgpPid();
    process.kill(before, 'SIGKILL');
    await waitForSession(pod, bird, false);
    await waitForRoutes(peers, [route(prefixA)], 60_000);
    expect(pod.exabgpPid()).to.not.equal(before);
    expect(await faults('speaker-death')).to.equal(1);
  });

  it('the helper killed: sessions stay, and what the lease says next is told', async () => {
    const before = pod.helperPid();
    process.kill(before, 'SIGKILL');
    await waitFor('another helper', () => ![0, before].includes(pod.helperPid()));
    await pod.lease('yes', { prefixes: [prefixA, prefixB] });
    await waitForRoutes(peers, [route(prefixA), route(prefixB)], 60_000);
    expect(await faults('helper-death')).to.equal(1);
    expect(await pod.metric('portable_lb_bgp_session_changes_total', { peer: bird, to: 'down' })).to.equal(0);
    expect(await pod.health('/readyz')).to.include({ status: 200 });
  });

  it('the helper killed again and again: ExaBGP gives up, and is started again', async () => {
    const first = pod.exabgpPid();
    await waitFor(
      'another ExaBGP',
      () => {
        const helper = pod.helperPid();
        if (helper !== 0) process.kill(helper, 'SIGKILL');
        return ![0, first].includes(pod.exabgpPid());
      },
      { deadlineMs: 60_000, everyMs: 100 },
    );
    await waitForRoutes(peers, [route(prefixA)], 60_000);
    await pod.lease('no');
    await waitForRoutes(peers, []);
  });

  it('the helper stopped: killed after the deadline, and the news is told late', async () => {
    process.kill(pod.helperPid(), 'SIGSTOP');
    await pod.lease('no');
    await waitForRoutes(peers, [], 60_000);
    expect(await faults('helper-stuck')).to.equal(1);
  });

  it('ExaBGP stopped: killed when another helper does not help', async () => {
    const before = pod.exabgpPid();
    process.kill(before, 'SIGSTOP');
    await waitFor('another ExaBGP', () => ![0, before].includes(pod.exabgpPid()), { deadlineMs: 90_000 });
    await waitForRoutes(peers, [route(prefixA)], 60_000);
    expect(await faults('speaker-stuck')).to.equal(1);
  });

  it('ExaBGP stopped, then SIGTERM: exits 0 all the same, and the routes are gone', async () => {
    process.kill(pod.exabgpPid(), 'SIGSTOP');
    pod.program.signal('SIGTERM');
    expect(await pod.program.ended).to.equal(0);
    expect(pod.state()).to.deep.include({ stopping: true, prefixes: { [prefixA]: 'withdrawn' } });
    await waitForRoutes(peers, []);
  });

  it('the sidecar killed: nothing of it is left, and the routes are gone', async () => {
    const exabgp = pod.exabgpPid();
    expect(exabgp).to.be.greaterThan(0);
    pod.program.signal('SIGKILL');
    await pod.program.ended;
    await waitFor(
      'the namespace to be empty',
      async () => {
        const left = await segment.processes('pod');
        return left.length === 0 || { notYet: left.join('\n') };
      },
      { deadlineMs: 5_000 },
    );
    await waitForRoutes(peers, [], 20_000);
  });

  it('another hold time: both sessions begin anew, one after the other', async () => {
    pod.writeSettings({ holdSeconds: 30, peers: [{ address: bird }, { address: gobgp }] });
    for (const peer of [bird, gobgp])
      await waitFor(
        `a new session with ${peer}`,
        async () =>
          (await pod.metric('portable_lb_bgp_session_changes_total', { peer, to: 'up' })) === 2 || {
            notYet: pod.program.log().slice(-3_000),
          },
        { deadlineMs: 60_000 },
      );
    const sessions = pod.log().filter(({ event }) => event === 'session');
    const ups = sessions.map(({ msg }) => / is up$/.test(msg));
    expect(ups.slice(-4), JSON.stringify(sessions.slice(-4))).to.deep.equal([false, true, false, true]);
    await waitForRoutes(peers, [route(prefixA)]);
    expect(await pod.metric('portable_lb_bgp_faults_total')).to.equal(0);
  });

  it('a reflector killed and started again is told everything; the other sees nothing of it', async () => {
    peers[0]?.program.signal('SIGKILL');
    await waitForSession(pod, bird, false);
    expect(await pod.health('/readyz'), 'one peer is enough').to.include({ status: 200 });
    expect(pod.state().peers[bird]?.problem).to.match(/10\.9\.0\.251/);
    await pod.lease('yes', { prefixes: [prefixB] });
    await waitForRoutes(peers.slice(1), [route(prefixB)]);
    const again = await startBird(segment, { address: bird });
    await waitForRoutes([again], [route(prefixB)], 60_000);
    expect(await pod.metric('portable_lb_bgp_session_changes_total', { peer: gobgp, to: 'down' })).to.equal(
      0,
    );
  });
});
