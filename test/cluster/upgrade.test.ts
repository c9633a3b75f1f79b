/** What operators do while clients are there: a new revision of the LB pods, a node that is drained. */
import { expect } from 'chai';
import type { Load } from '../../lab/api.ts';
import type { Cluster } from '../../lab/cluster/cluster.ts';
import { waitFor } from '../../lab/wait.ts';
import { type Change, routeChanges, sortFailures } from './route-changes.ts';
import { openSite, patientMs, type Site, testNamespace } from './site.ts';

const prefix = '203.0.113.16/28';
const url = 'http://203.0.113.17/';
const keptConnections = 40;

describe('upgrades and drains in the cluster', function () {
  this.timeout(2 * patientMs);
  let site: Site;
  let cluster: Cluster;

  before(async () => {
    site = await openSite();
    ({ cluster } = site);
    await Promise.all([site.deployServers('shop', 3), install('1')]);
    await site.lbPods('shop', 2);
    await cluster.router.waitForNextHops(prefix, 2, patientMs);
    await site.untilAnswered(url);
    await cluster.waitForPods(testNamespace, 'app=shop', 3, patientMs);
  });
  after(async () => {
    await cluster.kubectl(['uncordon', ...cluster.nodes.map(({ name }) => name)]);
    await site.uninstallLb('shop');
    await cluster.kubectl(['delete', 'deployment,service', 'shop', '-n', testNamespace]);
  });

  const install = (revision: string) =>
    site.installLb({
      name: 'shop',
      service: 'shop',
      prefixes: [prefix],
      replicas: 2,
      values: { podAnnotations: { revision } },
    });

  /** What happens to new connections, and to those that are kept open, while the work is done. */
  async function underLoad(work: () => Promise<unknown>) {
    const sinceMs = performance.now();
    const loads: Load[] = [];
    for (const keepAliveConnections of [0, keptConnections])
      loads.push(await cluster.client.startLoad({ urls: [url], ratePerSecond: 40, keepAliveConnections }));
    await work();
    const [fresh, all] = await Promise.all(loads.map((load) => load.stop()));
    if (fresh === undefined || all === undefined) throw new Error('no report');
    // The client's own: it calls again from a port that it has not given back yet.
    const kept = { ...all, failed: all.failed.filter(({ error }) => error !== 'EADDRNOTAVAIL') };
    const changes = await routeChanges(cluster, prefix, sinceMs);
    const { atChanges, otherwise, underWay } = sortFailures(fresh, changes);
    const told = [
      `new requests: ${atChanges.length + otherwise.length} of ${fresh.results.length} failed, ${underWay} were under way at ${changes.length} changes`,
      `${kept.failed.length} breaks of ${keptConnections} connections kept open`,
      `routes moved ${Math.round(100 * movedBy(changes))} % of flows in all`,
    ];
    expect(otherwise, `${told.join('\n')}\n${describeChanges(changes)}`).to.deep.equal([]);
    expect(atChanges.length).to.be.at.most(underWay);
    return { fresh, kept, changes, told: ` [${told.join('; ')}]` };
  }

  it('loses no request begun while no route changes when the release is upgraded', async function () {
    const before = await site.lbPods('shop', 2);
    const { kept, changes, told } = await underLoad(async () => {
      await install('2');
      const status = ['rollout', 'status', 'deployment/shop-portable-lb', '-n', testNamespace];
      await cluster.kubectl([...status, '--timeout=230s'], { timeoutMs: patientMs });
      await site.lbPods('shop', 2);
    });
    if (this.test) this.test.title += told;
    const after = await site.lbPods('shop', 2);
    const names = before.map(({ metadata }) => metadata.name);
    for (const { metadata } of after) expect(names).to.not.include(metadata.name);
    expect(cluster.router.nextHops(prefix)).to.deep.equal(site.nodesOf(after));
    const changesAtRouter = changes.filter(({ where }) => where === 'router');
    for (const { after: nextHops } of changesAtRouter) expect(nextHops).to.not.be.empty;
    // Whose flows move is the hash's choice: three standard deviations of so many draws.
    const expected = keptConnections * movedBy(changes);
    expect(kept.failed.length, describeChanges(changes)).to.be.at.most(expected + 3 * Math.sqrt(expected));
  });

  it('loses no request begun while no route changes when a node is drained', async function () {
    const [pod] = await site.lbPods('shop', 2);
    const node = pod?.spec.nodeName ?? '';
    const { changes, told } = await underLoad(async () => {
      const options = ['--ignore-daemonsets', '--delete-emptydir-data', '--timeout=200s'];
      await cluster.kubectl(['drain', node, ...options], { timeoutMs: patientMs });
      const pods = await site.lbPods('shop', 2);
      await cluster.router.waitForNextHops(prefix, site.nodesOf(pods), patientMs);
      for (const { spec } of pods) expect(spec.nodeName).to.not.equal(node);
      await cluster.waitForPods(testNamespace, 'app=shop', 3, patientMs);
    });
    await cluster.kubectl(['uncordon', node]);
    if (this.test) this.test.title += told;
    expect(changes).to.not.be.empty;
  });

  it('gives up one LB pod at a time', async () => {
    const pods = await site.lbPods('shop', 2);
    await cluster.kubectl(['cordon', ...cluster.nodes.map(({ name }) => name)]);
    const evict = (name: string) =>
      cluster.api.request('POST', `/api/v1/namespaces/${testNamespace}/pods/${name}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace: testNamespace },
      });
    const [first, second] = pods.map(({ metadata }) => metadata.name);
    const gone = await waitFor('the first eviction', async () => {
      const answer = await evict(first ?? '');
      return answer.status === 201 ? answer : { notYet: answer.text };
    });
    expect(gone.status).to.equal(201);
    const refused = await evict(second ?? '');
    expect(refused.status, refused.text).to.equal(429);
    expect(refused.text).to.include('disruption budget');
    await cluster.kubectl(['uncordon', ...cluster.nodes.map(({ name }) => name)]);
    const names = (await site.lbPods('shop', 2)).map(({ metadata }) => metadata.name);
    expect(names).to.include(second).and.to.not.include(first);
  });
});

const movedBy = (changes: Change[]) => changes.reduce((sum, { moved }) => sum + moved, 0);

function describeChanges(changes: Change[]): string {
  return changes
    .map(({ where, atMs, before, after, moved }) => {
      const at = new Date(performance.timeOrigin + atMs).toISOString();
      return `${at} ${where}: ${before.join(' ') || '-'} → ${after.join(' ') || '-'} (${Math.round(100 * moved)} %)`;
    })
    .join('\n');
}
