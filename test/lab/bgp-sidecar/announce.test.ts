import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { waitFor } from '../../../lab/wait.ts';
import { type BgpPeer, type SeenRoute, startBird, startGobgp, waitForRoutes } from './peers.ts';
import { type Pod, prefixA, prefixB, startPod, waitForSession } from './pod.ts';
import { nodeIP, openSegment, podIP, type Segment } from './segment.ts';

const bird = '10.9.0.251';
const gobgp = '10.9.0.252';
const communities = ['64512:100'];
const normal = (prefix: string): SeenRoute => ({
  prefix,
  nextHop: nodeIP,
  localPreference: 100,
  communities,
});
const lastResort = (prefix: string): SeenRoute => ({
  ...normal(prefix),
  localPreference: 0,
  communities: ['64512:100', '65535:0'],
});

describe('bgp-sidecar with a BIRD and a GoBGP reflector', function () {
  this.timeout(120_000);
  let segment: Segment;
  let peers: BgpPeer[];
  let pod: Pod;
  const bgp = { communities, lastResortSeconds: 8, peers: [{ address: bird }, { address: gobgp }] };

  before(async () => {
    segment = await openSegment([bird, gobgp]);
    peers = [await startBird(segment, { address: bird }), await startGobgp(segment, { address: gobgp })];
    pod = startPod(segment, { bgp });
    await waitForSession(pod, bird, true);
    await waitForSession(pod, gobgp, true);
  });
  after(() => segment.close());

  it('announces nothing before there is a lease', async () => {
    await waitForRoutes(peers, []);
    expect(pod.state().prefixes).to.deep.equal({});
  });

  it('announces on yes: next-hop node IP, LOCAL_PREF 100, communities', async () => {
    await pod.lease('yes');
    await waitForRoutes(peers, [normal(prefixA)]);
    expect(pod.state().prefixes).to.deep.equal({ [prefixA]: 'announced' });
    expect(await pod.health('/readyz')).to.include({ status: 200 });
    expect(await pod.metric('portable_lb_bgp_prefixes', { state: 'announced' })).to.equal(1);
  });

  it('withdraws on no, and announces again on yes', async () => {
    await pod.lease('no');
    await waitForRoutes(peers, []);
    expect(pod.state().prefixes).to.deep.equal({ [prefixA]: 'withdrawn' });
    await pod.lease('yes');
    await waitForRoutes(peers, [normal(prefixA)]);
  });

  it('follows the prefixes of the lease', async () => {
    await pod.lease('yes', { prefixes: [prefixA, prefixB] });
    await waitForRoutes(peers, [normal(prefixA), normal(prefixB)]);
    await pod.lease('yes', { prefixes: [prefixB] });
    await waitForRoutes(peers, [normal(prefixB)]);
    await waitFor('the state to follow', () => pod.state().prefixes[prefixA] === 'withdrawn');
    await pod.lease('yes');
    await waitForRoutes(peers, [normal(prefixA)]);
  });

  it('makes a prefix whose lease lapsed a last resort, withdraws it in the end, and takes a new lease', async () => {
    await pod.lease('yes', { lengthMs: 2_000 });
    await pod.silence();
    await waitForRoutes(peers, [lastResort(prefixA)]);
    await waitFor('the state to follow', () => pod.state().prefixes[prefixA] === 'last-resort');
    await waitForRoutes(peers, []);
    await pod.lease('yes');
    await waitForRoutes(peers, [normal(prefixA)]);
  });

  it('leaves a prefix withdrawn when the last word was no', async () => {
    await pod.lease('no', { lengthMs: 1_000 });
    await waitForRoutes(peers, []);
    await pod.silence();
    const before = pod.state().writtenAtMs;
    await waitFor('the lease to lapse', () => pod.state().writtenAtMs > before + 2_000);
    await waitForRoutes(peers, []);
    expect(await pod.metric('portable_lb_bgp_transitions_total', { to: 'last-resort' })).to.equal(1);
  });

  it('keeps to the last valid lease while the file is torn, and says so once', async () => {
    await pod.lease('yes', { lengthMs: 15_000 });
    await waitForRoutes(peers, [normal(prefixA)]);
    await pod.silence();
    writeFileSync(pod.leaseFile, '{"version": 1, "announ');
    await waitFor('the tear to be told', () => pod.log().some(({ event }) => event === 'lease'));
    await waitForRoutes(peers, [normal(prefixA)]);
    await waitForRoutes(peers, [lastResort(prefixA)]);
    expect(pod.log().filter(({ event }) => event === 'lease')).to.have.length(1);
    await pod.lease('yes');
    await waitForRoutes(peers, [normal(prefixA)]);
  });

  it('changes communities and next-hop without touching the sessions', async () => {
    await pod.lease('yes');
    pod.writeSettings({ ...bgp, communities: ['64512:7', '64512:300'], nextHop: 'podIP' });
    const changed = { ...normal(prefixA), nextHop: podIP, communities: ['64512:300', '64512:7'] };
    await waitForRoutes(peers, [changed]);
    pod.writeSettings({ ...bgp, nextHop: '10.9.0.77' });
    await waitForRoutes(peers, [{ ...normal(prefixA), nextHop: '10.9.0.77' }]);
    pod.writeSettings(bgp);
    await waitForRoutes(peers, [normal(prefixA)]);
    for (const peer of [bird, gobgp])
      expect(await pod.metric('portable_lb_bgp_session_changes_total', { peer, to: 'down' })).to.equal(0);
  });

  it('refuses settings that it cannot use, says so once, and goes on', async () => {
    await pod.lease('yes');
    pod.writeSettings({ ...bgp, peers: [{ address: bird, peerAS: 65000 }] });
    const line = await waitFor('the refusal', () =>
      pod.log().find(({ event, level }) => event === 'settings' && level === 'error'),
    );
    expect(line.msg)
      .to.match(/65000/)
      .and.match(/peerAS/);
    await waitForRoutes(peers, [normal(prefixA)]);
    pod.writeSettings(bgp);
  });

  it('takes a peer away and adds it again without resetting the other', async () => {
    await pod.lease('yes');
    pod.writeSettings({ ...bgp, peers: [{ address: bird }] });
    await waitForRoutes(peers.slice(1), []);
    await waitForRoutes(peers.slice(0, 1), [normal(prefixA)]);
    expect(Object.keys(pod.state().peers)).to.deep.equal([bird]);
    pod.writeSettings(bgp);
    await waitForSession(pod, gobgp, true);
    await waitForRoutes(peers, [normal(prefixA)]);
    expect(await pod.metric('portable_lb_bgp_session_changes_total', { peer: bird, to: 'down' })).to.equal(0);
  });

  it('negotiates the hold time anew, and announces again', async () => {
    pod.writeSettings({ ...bgp, holdSeconds: 30 });
    await waitFor(
      'the session to restart',
      async () => (await pod.metric('portable_lb_bgp_session_changes_total', { peer: bird, to: 'up' })) === 2,
      { deadlineMs: 60_000 },
    );
    await waitForRoutes(peers, [normal(prefixA)]);
  });

  it('withdraws first of all on SIGTERM, says so, and exits 0', async () => {
    pod.program.signal('SIGTERM');
    expect(await pod.program.ended).to.equal(0);
    expect(pod.state()).to.deep.include({
      stopping: true,
      prefixes: { [prefixA]: 'withdrawn', [prefixB]: 'withdrawn' },
    });
    await waitForRoutes(peers, []);
    const stop = pod.log().find(({ event }) => event === 'stop');
    expect(stop?.msg).to.match(/every established peer was told/);
    const left = await segment.exec('pod', ['sh', '-c', 'ip netns pids $(ip netns identify) | wc -l']);
    expect(Number(left), 'processes in the pod: the shell, ip and wc alone').to.be.at.most(4);
  });
});
