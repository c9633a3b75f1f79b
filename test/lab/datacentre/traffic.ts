/** New connections to the service while something happens beside them. */
import { expect } from 'chai';
import type { LoadReport, RouteChange } from '../../../lab/api.ts';
import { waitFor } from '../../../lab/lab.ts';
import { expectNoneFailed } from './outcome.ts';
import { deadlineMs, prefix, type Site, urlsOf } from './site.ts';

export interface Watched {
  report: LoadReport;
  /** What became of the prefix's route meanwhile. */
  changes: RouteChange[];
}

/** Some requests before, some after. */
export async function underLoad(
  { client, router, service }: Site,
  work: () => Promise<void>,
  ratePerSecond = 60,
): Promise<Watched> {
  const before = router.history(prefix).length;
  const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond });
  const more = async () => {
    const { answered } = await load.progress();
    await waitFor('requests', async () => (await load.progress()).answered > answered + 30, { deadlineMs });
  };
  let report: LoadReport;
  try {
    await more();
    await work();
    await more();
  } finally {
    report = await load.stop();
  }
  return { report, changes: router.history(prefix).slice(before) };
}

/** What is done concerns none of these requests: none fails, and their route never changes. */
export async function besideTraffic(site: Site, work: () => Promise<void>): Promise<void> {
  const { report, changes } = await underLoad(site, work, 40);
  expectNoneFailed(report);
  expect(changes, `changes of ${prefix}`).to.deep.equal([]);
}
