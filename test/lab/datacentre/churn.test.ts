/** New connections all the while LB pods start, stop and die in random order. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { expectCalm, expectFewMoved, type Unrest, unrestOf } from './outcome.ts';
import {
  addLbPods,
  deadlineMs,
  noteFigure,
  openSite,
  packetsThatLooped,
  prefix,
  type Site,
  untilRouted,
  urlsOf,
} from './site.ts';

const seed = 20_261_121;
const changes = 10;

type Step = 'start' | 'stop' | 'die';

/** Mulberry32: the same seed gives the same order in every run. */
function randomNumbers(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe(`churn: LB pods start, stop and die under new connections (seed ${seed})`, function () {
  this.timeout(600_000);
  let site: Site;
  const random = randomNumbers(seed);

  before(async () => {
    site = await openSite({ nodes: 3, lbPods: 2, settings: { drain: { seconds: 1 } } });
  });
  after(() => site?.lab.close());

  /** Between one and three LB pods, on nodes of their own. */
  function nextStep(alive: LabLbPod[]): Step {
    const possible: Step[] = [
      ...(alive.length < 3 ? (['start', 'start'] as const) : []),
      ...(alive.length > 1 ? (['stop', 'die'] as const) : []),
    ];
    return possible[Math.floor(random() * possible.length)] as Step;
  }

  it(`${changes} changes: no packet meets a node without a route, no request fails but those that a change moved`, async function () {
    const { client, router, nodes, service } = site;
    const before = router.history(prefix).length;
    let alive = [...site.pods];
    const deaths: Unrest[] = [];
    const steps: Step[] = [];
    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 100 });
    try {
      while (steps.length < changes) {
        const step = nextStep(alive);
        steps.push(step);
        const victim = alive[Math.floor(random() * alive.length)] as LabLbPod;
        if (step === 'start') {
          const free = nodes.filter((node) => !alive.some((pod) => pod.node === node));
          const node = free[Math.floor(random() * free.length)];
          if (node === undefined) throw new Error('no free node');
          alive.push(...(await addLbPods(site, [node])));
          await untilRouted(site, alive);
          continue;
        }
        alive = alive.filter((pod) => pod !== victim);
        const fromMs = performance.now();
        const ending = step === 'stop' ? victim.terminate() : victim.kill({ link: 'stays' });
        const gone = await untilRouted(site, alive);
        // Until the router has heard of the death, new flows meet it as well.
        if (step === 'die') deaths.push({ fromMs, toMs: gone.atMs, why: `the death of ${victim.name}` });
        const ended = await ending;
        if (ended !== undefined) expect([ended.controller, ended.sidecar]).to.deep.equal([0, 0]);
      }
      const { answered } = await load.progress();
      await waitFor(
        'requests after the last change',
        async () => (await load.progress()).answered > answered + 50,
        {
          deadlineMs,
        },
      );
    } finally {
      const report = await load.stop();
      const since = router.history(prefix).slice(before);
      expect(report.results.length).to.be.greaterThan(500);
      expectCalm(report, [...unrestOf(since), ...deaths]);
      const peaceful = since.filter(({ atMs }) => !deaths.some((each) => each.toMs === atMs));
      const moved = expectFewMoved(report, peaceful);
      noteFigure(
        this,
        `${steps.join(' ')}: ${report.results.length} requests, ${report.failed.length} failed, ${moved} of them moved`,
      );
    }
    expect(router.history(prefix).slice(before), 'one change of the route for each LB pod').to.have.length(
      changes,
    );
    for (const role of [...nodes, router]) {
      expect(await packetsThatLooped(role), `packets whose TTL ran out at ${role.name}`).to.equal(0);
    }
  });
});
