/** kill -9 and SIGSTOP of every process of an LB pod in turn: what must and what must not happen to routes and traffic. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { expectCalm, expectNoneFailed, expectOnlyMoved, unrestOf } from './outcome.ts';
import {
  deadlineMs,
  logLines,
  noteFigure,
  openSite,
  processesOf,
  type Site,
  signalProcess,
  untilReplaced,
  untilRouted,
  untilSessionsUp,
} from './site.ts';
import { underLoad, type Watched } from './traffic.ts';

const holdSeconds = 3;

describe('death: each process of an LB pod in turn', function () {
  this.timeout(600_000);
  let site: Site;
  let first: LabLbPod;
  let second: LabLbPod;
  let third: LabLbPod;

  before(async () => {
    site = await openSite({
      settings: { bgp: { holdSeconds }, lease: { seconds: 60 } },
      restartDelayMs: 500,
    });
    [first, second, third] = site.pods as [LabLbPod, LabLbPod, LabLbPod];
  });
  after(() => site?.lab.close());

  /** The route of this LB pod went and came; those of the others never did. */
  function expectOnlyThisOne({ changes }: Watched, pod: LabLbPod): void {
    const lists = changes.map(({ nextHops }) => nextHops);
    const others = site.pods.filter((each) => each !== pod).map(({ node }) => node.address);
    for (const list of lists) expect(list).to.include.members(others);
    expect(
      lists.some((list) => !list.includes(pod.node.address)),
      'its next-hop went',
    ).to.equal(true);
    expect(lists.at(-1), 'and came back').to.include(pod.node.address);
  }

  it("the controller, keepalived's parent, its child: no request fails, no route changes", async () => {
    const watched = await underLoad(site, async () => {
      const { restarts } = first.controller;
      await first.controller.kill();
      const parent = await signalProcess(second, 'keepalived', 'SIGKILL');
      const child = await waitFor('a child of keepalived', () => processesOf.keepalived(third)[1], {
        deadlineMs,
      });
      process.kill(child, 'SIGKILL');
      await Promise.all([
        waitFor('the controller again', () => first.controller.restarts > restarts, { deadlineMs }),
        untilReplaced(second, 'keepalived', parent),
        untilReplaced(third, 'keepalived', child),
      ]);
      await waitFor(
        'all LB pods to be ready, each with both processes of keepalived',
        () => site.pods.every((pod) => pod.isReady && processesOf.keepalived(pod).length === 2),
        { deadlineMs },
      );
    });
    expectNoneFailed(watched.report);
    expect(watched.changes).to.deep.equal([]);
    expect(watched.report.perLbPod).to.have.all.keys(site.pods.map(({ address }) => address));
  });

  it("ExaBGP's helper: it is replaced and told, no request fails, no route changes", async () => {
    const watched = await underLoad(site, async () => {
      const helper = await signalProcess(first, 'helper', 'SIGKILL');
      await untilReplaced(first, 'helper', helper);
      await first.sidecar.waitForLog(/"fault":"helper-death"/, { deadlineMs });
    });
    expectNoneFailed(watched.report);
    expect(watched.changes).to.deep.equal([]);
  });

  it('ExaBGP: the route of its LB pod goes and comes back, the others stay, no new request fails', async function () {
    let killedAtMs = 0;
    const watched = await underLoad(site, async () => {
      killedAtMs = performance.now();
      const pid = await signalProcess(first, 'exabgp', 'SIGKILL');
      await untilReplaced(first, 'exabgp', pid);
      await untilSessionsUp(first);
      await untilRouted(site, site.pods);
    });
    expectOnlyThisOne(watched, first);
    expectOnlyMoved(watched.report, watched.changes);
    noteFigure(this, `gone after ${Math.round((watched.changes[0]?.atMs ?? 0) - killedAtMs)} ms`);
  });

  it('the sidecar: its container is started again, the route of its LB pod goes and comes back, no new request fails', async () => {
    const watched = await underLoad(site, async () => {
      await second.sidecar.kill();
      await waitFor('the sidecar again', () => second.sidecar.pid !== 0, { deadlineMs });
      await untilSessionsUp(second);
      await untilRouted(site, site.pods);
    });
    expectOnlyThisOne(watched, second);
    expectOnlyMoved(watched.report, watched.changes);
    expect(second.sidecar.exits).to.deep.equal([128 + 9]);
  });

  it('ExaBGP and a helper stopped: told, mended; only the stopped ExaBGP costs its route, no new request fails', async () => {
    const watched = await underLoad(site, async () => {
      const stuck = await signalProcess(first, 'exabgp', 'SIGSTOP');
      const helper = await signalProcess(third, 'helper', 'SIGSTOP');
      await Promise.all([untilReplaced(first, 'exabgp', stuck), untilReplaced(third, 'helper', helper)]);
      await untilSessionsUp(first);
      await untilRouted(site, site.pods);
    });
    expectOnlyThisOne(watched, first);
    expectOnlyMoved(watched.report, watched.changes);
    const faults = (pod: LabLbPod) => logLines(pod.sidecar).map(({ fault }) => fault);
    expect(faults(first)).to.include('speaker-stuck');
    expect(faults(third)).to.include('helper-stuck');
    expect(faults(third)).to.not.include('speaker-stuck');
  });

  it('the whole pod with its link: its next-hop is gone within the hold time, requests fail only until then', async function () {
    let killedAtMs = 0;
    let goneAtMs = 0;
    const watched = await underLoad(site, async () => {
      killedAtMs = performance.now();
      await third.kill();
      const left = site.pods.filter((pod) => pod !== third);
      goneAtMs = (await untilRouted(site, left)).atMs;
    });
    const dead = { fromMs: killedAtMs, toMs: goneAtMs, why: 'the dead LB pod is in the route yet' };
    expectCalm(watched.report, [dead, ...unrestOf(watched.changes)]);
    // The hold timer counts from the last message, which was at most a keepalive interval ago; BIRD looks every second.
    expect(goneAtMs - killedAtMs).to.be.lessThan(holdSeconds * 1000 + 2000);
    expect(watched.changes).to.have.length(1);
    const after = watched.report.results.filter(({ startedAtMs }) => startedAtMs > goneAtMs);
    expect(after.map(({ from }) => from)).to.not.include(third.address);
    noteFigure(this, `${Math.round(goneAtMs - killedAtMs)} ms, ${watched.report.failed.length} failed`);
  });
});
