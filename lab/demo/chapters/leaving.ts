/** An LB pod killed, another drained: how long the router sends there, and what fails meanwhile. */
import type { LbPod } from '../../lab.ts';
import { waitFor } from '../../wait.ts';
import { ms } from '../figures.ts';
import { addLbPod, type Stage, showRoute } from '../stage.ts';

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
  const report = await load.stop();
  lbPods.splice(lbPods.indexOf(pod), 1);
  return { tookMs: gone.atMs - startedAtMs, report };
}

export async function leaving(stage: Stage): Promise<void> {
  const { screen, figures, lbPods, serviceA, router, nodes } = stage;
  const [prefix = ''] = serviceA.prefixes;
  screen.title(5, 'An LB pod killed, another drained, under 100 new connections a second');
  const [, second, third] = lbPods;
  if (!second || !third) throw new Error('three LB pods were expected');

  const killed = await leave(stage, third, () => third.kill({ link: 'stays' }));
  figures.check(
    'SIGKILL of the whole pod → next-hop gone',
    ms(killed.tookMs),
    'under 1 s',
    killed.tookMs < 1000,
    'mean 1.70 s on scaling down',
  );
  const { results, failed } = killed.report;
  const bound = Math.ceil(killed.tookMs / 10) + 20;
  figures.check(
    'requests failed meanwhile',
    `${failed.length} of ${results.length}`,
    `only those begun in that time: at most ${bound}`,
    failed.length <= bound,
  );
  await showRoute(stage, prefix);

  const drained = await leave(stage, second, () => second.terminate());
  figures.check(
    'SIGTERM → next-hop gone',
    ms(drained.tookMs),
    'under 1 s',
    drained.tookMs < 1000,
    'mean 1.70 s',
  );
  const lost = drained.report.failed.length;
  figures.check(
    'new connections failed while it drained',
    `${lost} of ${drained.report.results.length}`,
    'at most 1 (NAT: flows in flight move with the hash)',
    lost <= 1,
  );
  await showRoute(stage, prefix);

  for (const node of nodes.slice(1, 3)) await addLbPod(stage, node);
  await screen.during('two LB pods take their places', router.waitForNextHops(prefix, 3, 90_000));
}
