import { expect } from 'chai';
import { waitFor } from '../../../lab/wait.ts';
import { type Names, nameServer, resolvConf, startNames } from './names.ts';
import { type BgpPeer, type SeenRoute, startBird, waitForRoutes } from './peers.ts';
import { type Pod, prefixA, startPod, waitForSession } from './pod.ts';
import { nodeIP, openSegment, type Segment } from './segment.ts';

const [first, second, third] = ['10.9.0.251', '10.9.0.252', '10.9.0.253'] as const;
const name = 'route-reflector.lb.svc.cluster.local';
const route: SeenRoute = { prefix: prefixA, nextHop: nodeIP, localPreference: 100, communities: [] };

describe('bgp-sidecar: peers by DNS name', function () {
  this.timeout(180_000);
  let segment: Segment;
  let names: Names;
  let pod: Pod;

  beforeEach(async () => {
    segment = await openSegment([first, second, third, nameServer]);
    names = await startNames(segment, { [name]: [first, second] });
  });
  afterEach(() => segment.close());

  const start = (...hosts: string[]) => {
    pod = startPod(segment, { bgp: { peers: hosts.map((host) => ({ host })) }, resolvConf });
    return pod.lease('yes');
  };
  const bird = (address: string) => startBird(segment, { address });
  const changes = (peer: string, to: 'up' | 'down') =>
    pod.metric('portable_lb_bgp_session_changes_total', { peer, to });
  const waitForLine = (pattern: RegExp) =>
    waitFor(
      `a line like ${pattern}`,
      () => pod.log().find(({ msg }) => pattern.test(msg)) ?? { notYet: pod.program.log().slice(-2_000) },
      { deadlineMs: 60_000 },
    );
  const waitForPeers = (...wanted: string[]) =>
    waitFor(
      `the peers ${wanted}`,
      () => {
        const seen = Object.keys(pod.state().peers).sort().join();
        return seen === wanted.join() || { notYet: `${seen}\n${pod.program.log().slice(-3_000)}` };
      },
      { deadlineMs: 60_000 },
    );

  it('a reflector moves to another address: the session follows, the other one sees nothing of it', async () => {
    const [moving, staying] = [await bird(first), await bird(second)] as [BgpPeer, BgpPeer];
    // by the search domains of resolv.conf
    await start('route-reflector');
    await waitForRoutes([moving, staying], [route]);
    expect(pod.state().peers[second]).to.include({ up: true, host: 'route-reflector' });
    moving.program.signal('SIGKILL');
    await waitForSession(pod, first, false);
    const moved = await bird(third);
    names.set(name, [second, third]);
    await waitForRoutes([moved, staying], [route], 60_000);
    await waitForPeers(second, third);
    expect(await changes(second, 'down')).to.equal(0);
    expect(await changes(second, 'up')).to.equal(1);
    expect(await pod.metric('portable_lb_bgp_faults_total')).to.equal(0);
    await waitForLine(/session with peer 10\.9\.0\.253 \(route-reflector\) is up/);
    // and goes on being told
    await pod.lease('no');
    await waitForRoutes([moved, staying], []);
  });

  it('the only reflector moves while it is up: the old session ends when the new one is up', async () => {
    names.set(name, [first]);
    const [before, after] = [await bird(first), await bird(third)] as [BgpPeer, BgpPeer];
    await start(`${name}.`);
    await waitForRoutes([before], [route]);
    names.set(name, [third]);
    await waitForRoutes([after], [route], 60_000);
    await waitForPeers(third);
    await waitForRoutes([before], []);
    const sessions = pod.log().flatMap(({ event, msg }) => (event === 'session' ? msg : []));
    expect(sessions.findIndex((msg) => /10\.9\.0\.253.* is up/.test(msg))).to.be.greaterThan(-1);
    expect(sessions.filter((msg) => msg.includes('no session'))).to.deep.equal([]);
  });

  it('a name without an answer, and a DNS server that is dead, leave the peers as they are', async () => {
    const peers = [await bird(first), await bird(second)];
    await start(name);
    await waitForRoutes(peers, [route]);
    names.set(name, []);
    await waitForLine(
      /name route-reflector\.lb.* does not resolve \(there is no such name.*known last stay: 10\.9\.0\.251, 10\.9\.0\.252; look at/,
    );
    names.program.signal('SIGKILL');
    await names.program.ended;
    await pod.lease('no');
    await waitForRoutes(peers, []);
    expect(await changes(first, 'down')).to.equal(0);
    expect(await changes(second, 'down')).to.equal(0);
    expect((await pod.health('/readyz')).status).to.equal(200);
  });

  it('a DNS server that is silent: the sidecar exits all the same', async () => {
    const peer = await bird(first);
    await start(name);
    await waitForRoutes([peer], [route]);
    names.program.signal('SIGKILL');
    await names.program.ended;
    segment.start('peers', 'silent', ['socat', '-u', `UDP4-RECV:53,bind=${nameServer}`, 'STDOUT']);
    await waitForLine(/name route-reflector\.lb.* does not resolve \(.*no answer/);
    pod.program.signal('SIGTERM');
    const fromMs = performance.now();
    expect(await pod.program.ended).to.equal(0);
    expect(performance.now() - fromMs, 'ms until it had exited').to.be.below(10_000);
  });

  it('a name that nobody knows at the start: not ready, said in words, and begun when it resolves', async () => {
    await start('later');
    await waitForLine(/name later does not resolve .*no session is made with them; look at bgp\.peers/);
    expect(await pod.health('/readyz')).to.deep.include({ status: 503, body: 'no usable settings yet\n' });
    const peer = await bird(first);
    names.set('later.lb.svc.cluster.local', [first]);
    await waitForRoutes([peer], [route], 60_000);
    expect((await pod.health('/readyz')).status).to.equal(200);
  });
});
