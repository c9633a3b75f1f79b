import { expect } from 'chai';
import { waitFor } from '../../../lab/wait.ts';
import { type BgpPeer, type SeenRoute, startBird, waitForRoutes } from './peers.ts';
import { type Pod, prefixA, startPod, waitForSession } from './pod.ts';
import { nodeIP, openSegment, type Program, type Segment } from './segment.ts';

const [there, away] = ['10.9.0.251', '10.9.0.252'] as const;
const route: SeenRoute = { prefix: prefixA, nextHop: nodeIP, localPreference: 100, communities: [] };

describe('bgp-sidecar: one of two peers is away for long', function () {
  this.timeout(180_000);
  let segment: Segment;
  let staying: BgpPeer;
  let pod: Pod;

  beforeEach(async () => {
    segment = await openSegment([there, away]);
    staying = await startBird(segment, { address: there });
  });
  afterEach(() => segment.close());

  const start = async () => {
    pod = startPod(segment, { bgp: { peers: [{ address: there }, { address: away }] } });
    await pod.lease('yes');
    await waitForRoutes([staying], [route]);
  };
  const changes = (peer: string, to: string) =>
    pod.metric('portable_lb_bgp_session_changes_total', { peer, to });
  const sessionLines = () => pod.log().flatMap(({ event, msg }) => (event === 'session' ? msg : []));

  /** Takes each connection and closes it at once; a line for each: milliseconds. */
  const startCounter = () =>
    segment.start('peers', 'counter', [
      process.execPath,
      '-e',
      `require('node:net').createServer((socket) => {
        socket.on('error', () => {}).destroy();
        console.log(Math.round(performance.now()));
      }).listen(179, '${away}')`,
    ]);
  const attempts = (counter: Program) => counter.log().trim().split('\n').map(Number);

  it('that closes each connection: tried every 2 s, however often that failed; the log does not grow', async () => {
    const counter = startCounter();
    await start();
    const seen = await waitFor(
      'ten attempts',
      () => {
        const times = attempts(counter);
        return times.length >= 10 ? times : { notYet: `${times}` };
      },
      { deadlineMs: 60_000 },
    );
    const pauses = seen.slice(1).map((time, index) => time - (seen[index] ?? 0));
    expect(Math.max(...pauses), `ms between attempts: ${pauses}`).to.be.below(3_000);
    expect(await changes(away, 'failed')).to.be.at.least(9);
    counter.signal('SIGKILL');
    await counter.ended;
    const back = await startBird(segment, { address: away });
    await waitForSession(pod, away, true, 5_000);
    await waitForRoutes([back], [route]);
    expect(await changes(away, 'down')).to.equal(0);
    expect(await changes(there, 'down')).to.equal(0);
    expect(await pod.metric('portable_lb_bgp_faults_total')).to.equal(0);
    expect(
      sessionLines().filter((msg) => msg.includes(away)),
      'each reason once',
    ).to.have.length(2);
    expect(pod.log().filter(({ event }) => event === 'exabgp')).to.deep.equal([]);
  });

  it('that is silent: tried again within seconds, and told with address, firewall and password', async () => {
    const back = await startBird(segment, { address: away });
    await segment.exec('peers', [
      'nft',
      `add table ip f; add chain ip f i { type filter hook input priority 0; }; add rule ip f i ip daddr ${away} drop`,
    ]);
    await start();
    await waitFor(
      'three attempts that failed',
      async () => {
        const failed = await changes(away, 'failed');
        return failed >= 3 || { notYet: `${failed} ${pod.program.log().slice(-2_000)}` };
      },
      { deadlineMs: 60_000 },
    );
    expect(pod.state().peers[away]?.problem)
      .to.match(/10\.9\.0\.252:179/)
      .and.match(/firewall/)
      .and.match(/no password is set/);
    await segment.exec('peers', ['nft', 'flush', 'ruleset']);
    await waitForSession(pod, away, true, 8_000);
    await waitForRoutes([back], [route]);
    expect(await changes(there, 'down')).to.equal(0);
    expect(
      sessionLines().filter((msg) => msg.includes(away)),
      'each reason once',
    ).to.have.length(2);
  });
});
