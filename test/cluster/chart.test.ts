/** The chart portable-lb from install to uninstall: what only a real cluster can say of it. */
import { expect } from 'chai';
import type { Cluster, Pod } from '../../lab/cluster/cluster.ts';
import { waitFor } from '../../lab/wait.ts';
import { type LbRelease, testNamespace as namespace, openSite, type Site } from './site.ts';

const prefix = '203.0.113.64/28';
const otherPrefix = '203.0.113.80/28';
const service = 'charted';
const slowMs = 120_000;

describe('the chart portable-lb in the cluster', () => {
  let site: Site;
  let cluster: Cluster;

  before(async function install() {
    this.timeout(300_000);
    site = await openSite();
    ({ cluster } = site);
    await site.deployServers(service, 2, {
      type: 'LoadBalancer',
      loadBalancerClass: 'portable-lb.io/charted',
    });
    await cluster.waitForPods(namespace, `app=${service}`, 2);
    await site.installLb({ name: 'one', service, prefixes: [prefix], replicas: 2 });
    await site.lbPods('one', 2, slowMs);
    await cluster.router.waitForNextHops(prefix, 2, slowMs);
  });
  after(async () => {
    await site.uninstallLb('one', 'two', 'pod-sysctls', 'no-sysctls', 'no-secret');
    const made = [`deployment/${service}`, `service/${service}`, 'pod/one-portable-lb-test'];
    await cluster.kubectl(['delete', '-n', namespace, '--ignore-not-found', ...made]);
  });

  it('passes helm test, of which nothing is left', async () => {
    const said = await cluster.helm(['test', 'one', '-n', namespace, '--timeout', '150s'], {
      timeoutMs: 160_000,
    });
    expect(said)
      .to.match(/Phase:\s+Succeeded/)
      .and.not.match(/Phase:\s+Failed/);
    expect(await leftOf('one', 'test')).to.deep.equal([]);
  });

  it('fails helm test with a sentence when nobody answers', async () => {
    await site.scale(service, 0);
    try {
      await waitFor('the withdrawal', () => cluster.router.nextHops(prefix).length === 0, {
        deadlineMs: slowMs,
      });
      await site.installLb({
        name: 'one',
        service,
        prefixes: [prefix],
        replicas: 2,
        values: { tests: { timeoutSeconds: 3 } },
      });
      const failed = await cluster
        .helm(['test', 'one', '-n', namespace, '--timeout', '60s'], { timeoutMs: 90_000 })
        .then(
          () => undefined,
          (error: Error) => error,
        );
      expect(failed).to.be.an('error');
      const said = await cluster.kubectl(['logs', '-n', namespace, 'one-portable-lb-test']);
      expect(said).to.match(
        /^NOT ok after 3 s: one-portable-lb-\S+ controller: its lease says no; the reason is in its log$/m,
      );
    } finally {
      await site.scale(service, 2);
      await site.lbPods('one', 2, slowMs);
    }
  });

  it('takes a setting live: pods and containers stay what they are', async () => {
    const before = await site.lbPods('one', 2, slowMs);
    await site.installLb({
      name: 'one',
      service,
      prefixes: [prefix],
      replicas: 2,
      values: { scheduler: 'rr' },
    });
    for (const pod of before)
      await waitFor(
        `scheduler rr in ${pod.metadata.name}`,
        async () => {
          const held = await site.execIn(pod, 'controller', ['ipvsadm', '-Ln']);
          return /^FWM\s+1 rr/m.test(held) || { notYet: held };
        },
        { deadlineMs: slowMs, everyMs: 500 },
      );
    const after = await site.lbPods('one', 2);
    expect(after.map(identity)).to.have.members(before.map(identity));
  });

  it('serves the same Service by another prefix beside it, and takes only its own address with it', async () => {
    await site.installLb({ name: 'two', service, prefixes: [otherPrefix], replicas: 1 });
    await site.untilAnswered('http://203.0.113.81/', slowMs);
    await waitForAddresses(['203.0.113.65', '203.0.113.81']);
    await site.uninstallLb('two');
    await waitForAddresses(['203.0.113.65']);
    await waitFor('the route to be gone', () => cluster.router.nextHops(otherPrefix).length === 0, {
      deadlineMs: slowMs,
    });
    expect(await leftOf('two')).to.deep.equal([]);
    expect((await site.untilAnswered('http://203.0.113.65/')).server).to.match(new RegExp(`^${service}`));
  });

  it('is installed, changed, tested and uninstalled by helm 3 too', async () => {
    const release: LbRelease = { name: 'two', service, prefixes: [otherPrefix], replicas: 1, helm: 'helm3' };
    await site.installLb(release);
    await site.lbPods('two', 1, slowMs);
    await site.installLb({ ...release, values: { scheduler: 'rr' } });
    await site.untilAnswered('http://203.0.113.81/', slowMs);
    const said = await cluster.helm3(['test', 'two', '-n', namespace, '--timeout', '150s']);
    expect(said).to.match(/Phase:\s+Succeeded/);
    await cluster.helm3(['uninstall', 'two', '-n', namespace]);
    await site.lbPods('two', 0, slowMs);
    expect(await leftOf('two')).to.deep.equal([]);
  });

  it('has its sysctls set by the pod itself, where the kubelet allows that', async () => {
    // The nodes allow net.ipv4.ip_forward and net.ipv4.vs.* only.
    const values = { 'net.netfilter.nf_conntrack_tcp_be_liberal': null };
    await site.installLb({
      name: 'pod-sysctls',
      service,
      prefixes: [otherPrefix],
      replicas: 1,
      values: { sysctls: { method: 'podSecurityContext', values } },
    });
    const [pod] = await site.lbPods('pod-sysctls', 1, slowMs);
    const log = await site.log(pod as Pod, 'controller');
    expect(log).to.match(/Advised sysctls.*nf_conntrack_tcp_be_liberal is 0/);
    await site.uninstallLb('pod-sysctls');
  });

  it('says what is missing where nobody sets them, and announces nothing', async () => {
    await site.installLb({
      name: 'no-sysctls',
      service,
      prefixes: [otherPrefix],
      replicas: 1,
      values: { sysctls: { method: 'none' } },
    });
    const pod = await startedPod('no-sysctls');
    await site.untilSaid(
      /Required sysctls of the pod are not as wanted.*net\.ipv4\.vs\.conntrack is 0/,
      ['logs', '-n', namespace, pod.metadata.name, '-c', 'controller'],
      slowMs,
    );
    expect(cluster.router.nextHops(otherPrefix)).to.deep.equal([]);
    expect(pod.status.containerStatuses?.map(({ restartCount }) => restartCount)).to.deep.equal([0, 0]);
    await site.uninstallLb('no-sysctls');
  });

  it('names the Secret that is not there', async () => {
    await site.installLb({
      name: 'no-secret',
      service,
      prefixes: [otherPrefix],
      replicas: 1,
      values: { bgp: { passwordSecret: { name: 'forgotten' } } },
    });
    const selector = ['-l', 'app.kubernetes.io/instance=no-secret,app.kubernetes.io/component=lb'];
    await site.untilSaid(
      /secret "forgotten" not found/,
      ['describe', 'pod', '-n', namespace, ...selector],
      slowMs,
    );
    await site.uninstallLb('no-secret');
  });

  it('leaves nothing after helm uninstall', async () => {
    await site.uninstallLb('one');
    await waitFor('the route to be gone', () => cluster.router.nextHops(prefix).length === 0, {
      deadlineMs: slowMs,
    });
    await waitForAddresses([]);
    expect(await leftOf('one')).to.deep.equal(['pod/one-portable-lb-test']); // of the failed test, for its logs
  });

  /** Objects of a release, by their labels. */
  async function leftOf(release: string, component?: string): Promise<string[]> {
    const kinds = [
      ...[
        'deployments',
        'replicasets',
        'pods',
        'jobs',
        'configmaps',
        'secrets',
        'services',
        'serviceaccounts',
      ],
      ...['roles', 'rolebindings', 'poddisruptionbudgets', 'horizontalpodautoscalers', 'networkpolicies'],
    ];
    const of = component === undefined ? '' : `,app.kubernetes.io/component=${component}`;
    const selector = `app.kubernetes.io/instance=${release}${of}`;
    const found = await cluster.kubectl([
      'get',
      kinds.join(','),
      '-n',
      namespace,
      '-l',
      selector,
      '-o',
      'name',
    ]);
    return found.split('\n').filter((line) => line !== '');
  }

  async function waitForAddresses(wanted: string[]): Promise<void> {
    await waitFor(
      `status.loadBalancer with ${wanted.join(', ') || 'no address'}`,
      async () => {
        const path = 'jsonpath={.status.loadBalancer.ingress[*].ip}';
        const said = await cluster.kubectl(['get', 'service', service, '-n', namespace, '-o', path]);
        const held = said
          .split(' ')
          .filter((each) => each !== '')
          .sort();
        return held.join() === wanted.join() || { notYet: said };
      },
      { deadlineMs: slowMs, everyMs: 500 },
    );
  }

  /** A pod whose containers all run, ready or not. */
  function startedPod(release: string): Promise<Pod> {
    return waitFor(
      `an LB pod of ${release} that runs`,
      async () => {
        const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=lb`;
        const [pod] = await cluster.list<Pod>('pods', namespace, selector);
        const states = pod?.status.containerStatuses ?? [];
        return (
          (states.length === 2 && states.every(({ state }) => state.running) && pod) || {
            notYet: JSON.stringify(pod?.status),
          }
        );
      },
      { deadlineMs: slowMs, everyMs: 500 },
    );
  }
});

function identity({ metadata, status }: Pod): string {
  const restarts = status.containerStatuses?.map(({ restartCount }) => restartCount).join();
  return `${metadata.uid} restarted ${restarts}`;
}
