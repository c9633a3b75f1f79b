/** One LB pod: from its start to the router's first route, requests to several addresses, Fig. 5.4's rules. */
import { ms, percent } from '../figures.ts';
import { addLbPod, type Stage, showRoute } from '../stage.ts';

/** `FWM  1 lc` and one `-> address:port Masq 1 …` line a server: the form of the thesis' Fig. 5.4. */
export function isFigure54(listing: string, servers: number): boolean {
  const lines = listing.trim().split('\n').slice(3);
  const [service = '', ...rows] = lines;
  return (
    /^FWM\s+1 lc\s*$/.test(service) &&
    rows.length === servers &&
    rows.every((row) => /^ {2}-> [\d.]+:\d+\s+Masq\s+1\s+\d+\s+\d+\s*$/.test(row))
  );
}

export async function oneLbPod(stage: Stage): Promise<void> {
  const { screen, figures, serviceA, router, client, nodes } = stage;
  const [prefix = ''] = serviceA.prefixes;
  screen.title(2, `One LB pod for service ${serviceA.name}, ${prefix}`);
  const pod = await addLbPod(stage, nodes[0]);
  const route = await screen.during('LB pod starts', router.waitForNextHops(prefix, 1, 90_000));
  const tookMs = route.atMs - pod.startedAtMs;
  figures.check(
    'LB pod start → first route',
    ms(tookMs),
    'under 20 s',
    tookMs < 20_000,
    'mean 3.44 s on scaling up',
  );
  await showRoute(stage, prefix);
  const urls = [1, 5, 9, 14].map((nth) => serviceA.url(nth));
  const { results, failed } = await client.requests({ urls, count: 80 });
  figures.check(
    `requests to ${urls.length} addresses of the prefix`,
    `${results.length - failed.length} of ${results.length} answered`,
    'all',
    failed.length === 0,
  );
  const [url = ''] = urls;
  screen.line(`   ${client.name}: curl ${url}   (server, address that it was asked from, its port)`);
  screen.block(await client.curl([url]));
  const listing = await pod.ipvs();
  screen.line(`   ${pod.name}: ipvsadm -L -n`);
  screen.block(listing);
  const { length: servers } = serviceA.servers;
  figures.check(
    'rules as in Fig. 5.4',
    `FWM 1 lc, ${servers} servers`,
    'the same form',
    isFigure54(listing, servers),
  );
  figures.note('requests answered', percent((results.length - failed.length) / results.length));
}
