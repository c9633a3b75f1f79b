/** The API server and etcd fail, or refuse: what is forwarded and announced stays, and is told. */
import { expect } from 'chai';
import type { Pod } from '../../../lab/cluster/cluster.ts';
import { waitFor } from '../../../lab/wait.ts';
import { logLines } from '../log-lines.ts';
import { testNamespace } from '../site.ts';
import { describeFailed, name, openVictim, prefix, serverReplicas, url, type Victim } from './victim.ts';

const patientMs = 240_000;
const awayMs = 120_000;
const nearMs = 1_000;
/** Of the release: a pause of 1 s, then 2 s for a connection; doubled for a machine that is busy. */
const checkMs = 6_000;

describe('a control plane that fails', function () {
  this.timeout(3 * patientMs);
  let victim: Victim;

  before(async function () {
    this.timeout(600_000);
    victim = await openVictim();
  });

  const serverPods = (count = serverReplicas) =>
    victim.cluster.waitForPods(testNamespace, `app=${name}`, count, patientMs);
  const addressesIn = async (pod: Pod) => {
    const rules = await victim.site.execIn(pod, 'controller', ['ipvsadm', '-Sn']);
    return [...rules.matchAll(/^-a -f \d+ -r ([\d.]+):8080 .* -w [1-9]/gm)]
      .map(([, address]) => address)
      .sort();
  };
  /** Every LB pod forwards to exactly the ready servers. */
  const untilRulesFollow = (servers: Pod[]) =>
    waitFor(
      'the rules of every LB pod to be those of the servers',
      async () => {
        const wanted = servers
          .map(({ status }) => status.podIP)
          .sort()
          .join();
        const held = await Promise.all((await victim.pods()).map(addressesIn));
        return (
          held.every((each) => each.join() === wanted) || { notYet: `${held.join(' | ')}; wanted ${wanted}` }
        );
      },
      { deadlineMs: patientMs, everyMs: 1_000 },
    );
  beforeEach(async () => {
    await victim.site.scale(name, serverReplicas);
    await untilRulesFollow(await serverPods());
  });

  it('API server away for two minutes while a server dies and comes back: rules and routes stay', async function () {
    const { cluster } = victim;
    const [pod] = await victim.pods();
    const [server] = await serverPods();
    const node = cluster.nodes.find(({ name: each }) => each === server?.spec.nodeName);
    if (pod === undefined || server === undefined || node === undefined) throw new Error('no pods');
    const routeChanges = cluster.router.history(prefix).length;
    const since = new Date();
    let killedAtMs = 0;
    let backAtMs = 0;
    const traffic = await victim.underLoad(async () => {
      const goneAtMs = performance.now();
      await cluster.stopApiServer();
      try {
        // The kubelets start it again without being told to.
        const kill = `kill -9 $(grep -l pod${server.metadata.uid} /proc/[0-9]*/cgroup | cut -d/ -f3 | while read pid; do grep -ql nginx /proc/$pid/cmdline && echo $pid; done)`;
        await node.exec(['sh', '-c', `${kill} || true`]);
        killedAtMs = performance.now();
        await new Promise((resolve) => setTimeout(resolve, awayMs - (performance.now() - goneAtMs)));
      } finally {
        await cluster.startApiServer();
        backAtMs = performance.now();
      }
      await victim.site.scale(name, serverReplicas + 1);
      await untilRulesFollow(await serverPods(serverReplicas + 1));
    });
    // What the dead server had, and what it gets until the health check has missed it.
    const later = traffic.strays.filter(
      ({ startedAtMs, durationMs }) =>
        startedAtMs + durationMs < killedAtMs - nearMs || startedAtMs > killedAtMs + checkMs,
    );
    expect(later, describeFailed(traffic)).to.deep.equal([]);
    expect(cluster.router.history(prefix)).to.have.length(routeChanges);
    const lines = logLines(await victim.site.log(pod, 'controller')).filter(
      ({ time }) => new Date(time) >= since,
    );
    const told = lines.filter(({ event }) => event === 'endpoints');
    expect(told.map(({ msg }) => msg).join('\n')).to.match(/API server .*cannot be reached/);
    const answered = told.find(({ level, msg }) => level === 'info' && /answers again/.test(msg));
    const afterMs = Date.parse(answered?.time ?? '') - performance.timeOrigin - backAtMs;
    if (this.test)
      this.test.title += ` [${traffic.results.length} requests; caught up ${(afterMs / 1000).toFixed(1)} s after its return]`;
    expect(afterMs).to.be.below(2_000);
  });

  it('etcd restored from a snapshot: the rules follow what Kubernetes believes then', async () => {
    const snapshot = await victim.cluster.saveSnapshot('before');
    await victim.site.scale(name, serverReplicas + 2);
    await untilRulesFollow(await serverPods(serverReplicas + 2));
    let followedAtMs = 0;
    const traffic = await victim.underLoad(async () => {
      await victim.cluster.restoreSnapshot(snapshot);
      await victim.cluster.waitForNodes(patientMs);
      await untilRulesFollow(await serverPods());
      followedAtMs = performance.now();
      const { failed } = await victim.cluster.client.requests({ urls: [url], count: 100 });
      expect(failed).to.deep.equal([]);
    });
    // The kubelets end pods that the API no longer knows, at once: what these two of five were answering is lost.
    expect(traffic.strays.length, describeFailed(traffic)).to.be.at.most(10);
    for (const { startedAtMs } of traffic.strays) expect(startedAtMs).to.be.below(followedAtMs);
    await victim.pods(patientMs);
  });

  it('rights taken away: named in the log, nothing else changes; given back, it goes on', async () => {
    const { cluster } = victim;
    const [pod] = await victim.pods();
    if (pod === undefined) throw new Error('no pods');
    const binding = `${name}-portable-lb`;
    const saved = await cluster.get<Record<string, unknown>>('rolebindings', binding, testNamespace);
    expect(saved, 'the RoleBinding of the release').to.be.an('object');
    const since = new Date();
    const traffic = await victim.underLoad(async () => {
      await cluster.kubectl(['delete', 'rolebinding', binding, '-n', testNamespace]);
      // Watches that are open stay open until the API server ends them: a restart does.
      await cluster.stopApiServer();
      await cluster.startApiServer();
      const { msg } = await victim.logged(pod, 'controller', /^not allowed to/, since);
      expect(msg).to.match(/^not allowed to (list|watch) \S+ in namespace lb-test \(403: /);
      await cluster.apply(withoutState(saved ?? {}));
      await victim.logged(pod, 'controller', /answers again/, since);
      await victim.site.scale(name, serverReplicas + 1);
      await untilRulesFollow(await serverPods(serverReplicas + 1));
    });
    expect(traffic.strays, describeFailed(traffic)).to.deep.equal([]);
  });
});

/** As it would be written, to be made again. */
function withoutState(object: Record<string, unknown>): object {
  const { name: own, namespace, labels, annotations } = object.metadata as Record<string, unknown>;
  return { ...object, metadata: { name: own, namespace, labels, annotations } };
}
