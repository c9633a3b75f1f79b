/** An LB pod killed, another drained: how long the router sends there, and what fails meanwhile. */
import type { LbPod, RequestResult } from '../../lab.ts';
import { waitFor } from '../../wait.ts';
import { ms } from '../figures.ts';
import { type Stage, showRoute } from '../stage.ts';

/** The lab hears of a change of the router's routes a little after it happened. */
const hearingMs = 500;
/** At 100 new connections a second that each take some 30 ms, five are open at once; a machine with other work has more. */
const mostBroken = 10;

async function leave(stage: Stage, pod: LbPod, act: () => Promise<unknown>) {
  const { client, router, serviceA, lbPods, screen } = stage;
  const [prefix = ''] = serviceA.prefixes;
  const remaining = lbPods.length - 1;
  const load = await client.startLoad({ urls: [serviceA.url(1), serviceA.url(7)], ratePerSecond: 100 });
  await waitFor('the load to be answered', async () => (await load.progress()).answered >= 20);
  const startedAtMs = performance.now();
  const acting = act();
  const gone = await screen.during('the next-hop goes', router.waitForNextHops(prefix, remaining, 90_000));
  await acting;
  const { results, failed } = await load.stop();
  lbPods.splice(lbPods.indexOf(pod), 1);
  return { startedAtMs, goneAtMs: gone.atMs, tookMs: gone.atMs - startedAtMs, results, failed };
}

function wasUnderWay({ startedAtMs, durationMs }: RequestResult, fromMs: number, toMs: number): boolean {
  return startedAtMs <= toMs && startedAtMs + durationMs >= fromMs;
}

export async function leaving(stage: Stage): Promise<void> {
  const { screen, figures, lbPods, serviceA } = stage;
  const [prefix = ''] = serviceA.prefixes;
  screen.title(5, 'An LB pod killed, another drained, under 100 new connections a second');
  const [, second, third] = lbPods;
  if (!second || !third) throw new Error('three LB pods were expected');

  const killed = await leave(stage, third, () => third.kill({ link: 'stays' }));
  const killedStrays = killed.failed.filter(
    (each) => !wasUnderWay(each, killed.startedAtMs, killed.goneAtMs),
  );
  figures.check(
    'SIGKILL of the whole pod → next-hop gone',
    ms(killed.tookMs),
    'under 2 s',
    killed.tookMs < 2000,
    'mean 1.70 s on scaling down',
  );
  figures.note(
    'requests failed while the route led to the dead LB pod',
    `${killed.failed.length - killedStrays.length} of ${killed.results.length}`,
  );
  figures.check(
    'requests failed before or after',
    `${killedStrays.length}`,
    'none',
    killedStrays.length === 0,
  );
  await showRoute(stage, prefix);

  const drained = await leave(stage, second, () => second.terminate());
  const drainedStrays = drained.failed.filter(
    (each) => !wasUnderWay(each, drained.goneAtMs - hearingMs, drained.goneAtMs),
  );
  figures.check(
    'SIGTERM → next-hop gone',
    ms(drained.tookMs),
    'under 2 s',
    drained.tookMs < 2000,
    'mean 1.70 s',
  );
  figures.check(
    'requests failed during the drain',
    `${drainedStrays.length} of ${drained.results.length}`,
    'none',
    drainedStrays.length === 0,
  );
  const broken = drained.failed.length - drainedStrays.length;
  // One of two next-hops goes, and with it half of what is open then; a few requests are at 100 a second.
  figures.check(
    'broken in flight as the router moved their flows (NAT)',
    `${broken}`,
    `at most ${mostBroken}`,
    broken <= mostBroken,
  );
  await showRoute(stage, prefix);
}
