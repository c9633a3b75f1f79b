import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { waitFor } from '../../../lab/wait.ts';
import { type SeenRoute, startBird, startGobgp, waitForRoutes } from './peers.ts';
import { type Pod, prefixA, startPod, waitForSession } from './pod.ts';
import { nodeIP, openSegment, podIP, type Segment } from './segment.ts';

const peer = '10.9.0.251';
const route: SeenRoute = { prefix: prefixA, nextHop: nodeIP, localPreference: 100, communities: [] };

describe('bgp-sidecar: sessions that do not come up', function () {
  this.timeout(180_000);
  let segment: Segment;
  beforeEach(async () => {
    segment = await openSegment([peer]);
  });
  afterEach(() => segment.close());

  const waitForLine = (pod: Pod, pattern: RegExp, deadlineMs = 60_000) =>
    waitFor(
      `a line like ${pattern}`,
      () => pod.log().find(({ msg }) => pattern.test(msg)) ?? { notYet: pod.program.log().slice(-2_000) },
      { deadlineMs },
    );

  it('goes on trying, says once a minute what to look at, and announces when the peer comes', async () => {
    await segment
      .exec('peers', [
        'nft',
        'add table ip f; add chain ip f i { type filter hook input priority 0; }; add rule ip f i drop',
      ])
      .catch(() => segment.exec('peers', ['iptables-legacy', '-A', 'INPUT', '-j', 'DROP']));
    const pod = startPod(segment, { bgp: { peers: [{ address: peer }] } });
    await pod.lease('yes');
    const line = await waitForLine(pod, /sessions are down/);
    expect(line.msg)
      .to.match(/10\.9\.0\.251:179/)
      .and.match(/firewall/)
      .and.match(/password/);
    expect((await pod.health('/readyz')).status).to.equal(503);
    expect((await pod.health('/livez')).status).to.equal(200);
    expect(pod.log().filter(({ event }) => event === 'sessions-down')).to.have.length(1);
    await segment
      .exec('peers', ['nft', 'flush', 'ruleset'])
      .catch(() => segment.exec('peers', ['iptables-legacy', '-F']));
    const bird = await startBird(segment, { address: peer });
    await waitForRoutes([bird], [route], 90_000);
    expect((await pod.health('/readyz')).status).to.equal(200);
  });

  it('nobody listens: said in words; exits 0 on SIGTERM at once', async () => {
    const pod = startPod(segment, { bgp: { peers: [{ address: peer }] } });
    await pod.lease('yes');
    await waitForLine(
      pod,
      /gives no connection: nobody has the address, nothing listens on 10\.9\.0\.251:179/,
    );
    pod.program.signal('SIGTERM');
    expect(await pod.program.ended).to.equal(0);
    expect(pod.state()).to.deep.include({ stopping: true, prefixes: { [prefixA]: 'withdrawn' } });
  });

  it('a peer with another AS: the NOTIFICATION in words', async () => {
    await startGobgp(segment, { address: peer, as: 64999 });
    const pod = startPod(segment, { bgp: { peers: [{ address: peer }] } });
    await waitForLine(pod, /(refused our AS 64512|has AS 64999).*bad peer AS/);
    await waitFor('the state to say so', () => /AS/.test(pod.state().peers[peer]?.problem ?? ''));
  });

  it("a router-id equal to the peer's: said in words", async () => {
    await startBird(segment, { address: peer, routerId: podIP });
    const pod = startPod(segment, { bgp: { peers: [{ address: peer }] } });
    await waitForLine(pod, /router-id 10\.9\.0\.11 \(OPEN error, bad BGP identifier\)/);
  });

  it('the password: wrong tells of it, right works, and nobody else may read it', async () => {
    const bird = await startBird(segment, { address: peer, password: 'tschüß; {x} #9' });
    const passwordFile = join(segment.directory, 'pod/password');
    const pod = startPod(segment, {
      bgp: { peers: [{ address: peer, passwordFile }] },
      secrets: { password: 'wrong-one\n' },
    });
    await pod.lease('yes');
    const line = await waitForLine(pod, /sessions are down/);
    expect(line.msg)
      .to.match(/10\.9\.0\.251:179/)
      .and.match(/password differs/);
    writeFileSync(passwordFile, 'tschüß; {x} #9\n');
    await waitForSession(pod, peer, true, 90_000);
    await waitForRoutes([bird], [route]);
    expect(pod.program.log()).to.not.match(/wrong-one|tsch|d3Jvbmctb25l/);
    expect(
      await segment.exec('pod', ['stat', '-c', '%a', join(segment.directory, 'pod/run/exabgp.conf')]),
    ).to.equal('600\n');
  });

  it('no bgp in the settings: says so, is ready, and begins when there is one', async () => {
    const bird = await startBird(segment, { address: peer });
    const pod = startPod(segment, { bgp: undefined });
    await pod.lease('yes');
    await waitForLine(pod, /no bgp: nothing is announced/);
    expect((await pod.health('/readyz')).status).to.equal(200);
    pod.writeSettings({ peers: [{ address: peer }] });
    await waitForRoutes([bird], [route], 60_000);
    pod.writeSettings(undefined);
    await waitForRoutes([bird], [], 60_000);
  });
});
