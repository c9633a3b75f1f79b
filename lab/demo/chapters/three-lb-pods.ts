/** Scaled to three LB pods, then service B beside it with two: Table 7.2 b and c. */
import { ms, percent } from '../figures.ts';
import { addLbPod, type Stage, showRoute } from '../stage.ts';

export async function threeLbPods(stage: Stage): Promise<void> {
  const { screen, figures, serviceA, serviceB, router, client, lab, nodes } = stage;
  const [prefixA = ''] = serviceA.prefixes;
  const [prefixB = ''] = serviceB.prefixes;
  screen.title(3, `Service ${serviceA.name} scaled to three LB pods, then service ${serviceB.name} with two`);
  const added = [await addLbPod(stage, nodes[1]), await addLbPod(stage, nodes[2])];
  const three = await screen.during('two more LB pods start', router.waitForNextHops(prefixA, 3, 90_000));
  const tookMs = three.atMs - Math.min(...added.map((pod) => pod.startedAtMs));
  figures.check(
    'two LB pods more → three next-hops',
    ms(tookMs),
    'under 20 s',
    tookMs < 20_000,
    'mean 3.44 s',
  );
  await showRoute(stage, prefixA);
  const { results, failed, perLbPod } = await client.requests({ urls: [serviceA.url(3)], count: 300 });
  const shares = Object.entries(perLbPod).sort();
  screen.line(`   ${results.length} requests, share of each LB pod:`);
  for (const [address, count] of shares) {
    const share = count / results.length;
    screen.line(`     ${address.padEnd(12)} ${'█'.repeat(Math.round(share * 60))} ${percent(share)}`);
  }
  const least = Math.min(...shares.map(([, count]) => count)) / results.length;
  figures.check(
    'requests over three LB pods',
    `least share ${percent(least)}, ${failed.length} failed`,
    'each at least 20 %, none failed',
    shares.length === 3 && least >= 0.2 && failed.length === 0,
    'Table 7.2 b',
  );

  await screen.during(`service ${serviceB.name}: two servers`, serviceB.setServers(2));
  for (const node of nodes.slice(0, 2)) await lab.addLbPod({ service: serviceB, node });
  await screen.during(
    `service ${serviceB.name}: two LB pods start`,
    router.waitForNextHops(prefixB, 2, 90_000),
  );
  for (const prefix of [prefixA, prefixB]) await showRoute(stage, prefix);
  const hops = [prefixA, prefixB].map((prefix) => router.nextHops(prefix).length);
  figures.check(
    'next-hops of both services',
    hops.join(' and '),
    '3 and 2',
    `${hops}` === '3,2',
    'Table 7.2 c',
  );
  const both = await client.requests({ urls: [serviceA.url(2), serviceB.url(2)], count: 60 });
  figures.check(
    'requests to both services',
    `${both.failed.length} failed`,
    'none',
    both.failed.length === 0,
  );
}
