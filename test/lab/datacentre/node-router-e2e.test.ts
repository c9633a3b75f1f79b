/** The node router within the whole: its death costs nothing, and no packet goes back to the router it came from. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import type { Node } from '../../../lab/roles/node.ts';
import { describeRequest, expectCalm, expectNoneFailed, unrestOf } from './outcome.ts';
import {
  addLbPods,
  deadlineMs,
  openSite,
  packetsThatLooped,
  prefix,
  type Site,
  untilRouted,
  urlsOf,
} from './site.ts';

const strangerPrefix = '203.0.113.64/28';

describe('node routers in the data centre', function () {
  this.timeout(600_000);
  let site: Site;

  before(async () => {
    site = await openSite({ nodes: 2, settings: { bgp: { holdSeconds: 4 } } });
  });
  after(() => site?.lab.close());

  const untilNodeRoute = (node: Node, pattern: RegExp, vip = prefix) =>
    waitFor(
      `the route of ${vip} at ${node.name} to be like ${pattern}`,
      async () => {
        const seen = (await node.route(vip)) ?? 'none';
        return pattern.test(seen) || { notYet: seen };
      },
      { deadlineMs },
    );

  const looped = async () => {
    const roles = [site.router, ...site.nodes];
    return Promise.all(roles.map(packetsThatLooped));
  };

  it('killed and kept dead: routes stay, traffic goes on; at its start what went meanwhile is cleaned', async () => {
    const { client, router, service, nodes, pods } = site;
    const [node] = nodes as [Node, Node];
    const [first] = pods as [LabLbPod, LabLbPod];
    const before = router.history(prefix).length;
    const route = await node.route(prefix);
    expect(route).to.include(`via ${first.address}`);
    node.writePodManifest('stranger', strangerManifest(node));
    await untilNodeRoute(node, /via 10\.42\.1\.200/, strangerPrefix);
    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 50 });
    await node.nodeRouter?.kill({ after: 'dead' });
    node.writePodManifest('stranger', undefined);
    const { answered } = await load.progress();
    await waitFor('requests', async () => (await load.progress()).answered > answered + 60, { deadlineMs });
    expect(await node.route(prefix)).to.equal(route);
    expect(await node.route(strangerPrefix), 'nobody is there to take it away').to.include('via');
    node.nodeRouter?.revive();
    await untilNodeRoute(node, /^blackhole/, strangerPrefix);
    expect(await node.route(prefix)).to.equal(route);
    expectNoneFailed(await load.stop());
    expect(router.history(prefix).slice(before)).to.deep.equal([]);
  });

  it('the last LB pod of a node dies: blackhole until the routers know, never back to the router; another LB pod takes over there', async () => {
    const { client, router, service, nodes, pods } = site;
    const [node] = nodes as [Node, Node];
    const [dying, other] = pods as [LabLbPod, LabLbPod];
    const loopedBefore = await looped();
    const since = router.history(prefix).length;
    const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 50, timeoutMs: 3000 });
    const fromMs = performance.now();
    await dying.kill();
    await untilNodeRoute(node, /^blackhole/);
    expect(router.nextHops(prefix), 'the router does not know yet').to.include(node.address);
    const gone = await untilRouted(site, [other]);
    expect(await node.route(prefix), 'the blackhole outlasts the next-hop').to.match(/^blackhole/);
    const { answered } = await load.progress();
    await waitFor('requests', async () => (await load.progress()).answered > answered + 40, { deadlineMs });
    await untilNodeRoute(node, /^none$/);
    const [again] = (await addLbPods(site, [node])) as [LabLbPod];
    await untilRouted(site, [other, again]);
    await untilNodeRoute(node, new RegExp(`via ${again.address}`));
    const report = await load.stop();
    const changes = router.history(prefix).slice(since);
    const dead = { fromMs, toMs: gone.atMs, why: 'the dead LB pod is in the route yet' };
    expectCalm(report, [dead, ...unrestOf(changes)]);
    // Host unreachable: the node asked for the dead LB pod's MAC before it had the blackhole.
    const foreseen = ['timeout', 'ECONNRESET', 'EHOSTUNREACH'];
    const others = report.failed.filter(({ error = '' }) => !foreseen.includes(error));
    expect(others.map(describeRequest)).to.deep.equal([]);
    expect(report.perLbPod[again.address]).to.be.greaterThan(0);
    expect(await looped(), 'packets whose TTL ran out').to.deep.equal(loopedBefore);
  });
});

/** Another LB pod of this node, with a prefix of its own. */
function strangerManifest(node: Node): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'stranger',
      namespace: 'default',
      annotations: { 'portable-lb/vip-prefixes': strangerPrefix },
    },
    spec: { nodeName: node.name, containers: [{ name: 'controller' }] },
    status: { phase: 'Running', podIP: '10.42.1.200', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}
