import { expect } from 'chai';
import type { Cluster } from '../../lab/cluster/cluster.ts';
import { openSite, type Site, testNamespace } from './site.ts';

const prefix = '203.0.113.0/28';
const url = 'http://203.0.113.1/';

describe('serving in the cluster', () => {
  let site: Site;
  let cluster: Cluster;

  before(async () => {
    site = await openSite();
    ({ cluster } = site);
    await site.deployServers('web', 2);
    await cluster.waitForPods(testNamespace, 'app=web', 2);
  });
  after(() => site.uninstallLb('web'));

  it('answers the client soon after helm install', async function () {
    const startedAtMs = performance.now();
    const answered = site.untilAnswered(url);
    await site.installLb({ name: 'web', service: 'web', prefixes: [prefix], replicas: 1 });
    const installedMs = performance.now() - startedAtMs;
    const route = await cluster.router.waitForNextHops(prefix, 1);
    const { atMs } = await answered;
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
    const totalMs = atMs - startedAtMs;
    if (this.test)
      this.test.title += ` (helm ${seconds(installedMs)}, route at ${seconds(route.atMs - startedAtMs)}, first answer at ${seconds(totalMs)})`;
    expect(totalMs).to.be.below(30_000);
  });
});
