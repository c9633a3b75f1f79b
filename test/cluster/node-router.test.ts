import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, type ClusterNode, openCluster, type Pod } from '../../lab/cluster/cluster.ts';
import { pauseImage } from '../../lab/cluster/node/containerd.ts';
import { checkout } from '../../lab/kernel/places.ts';
import { waitFor } from '../../lab/wait.ts';
import { removePlatform } from './site.ts';

const chart = join(checkout, 'charts/node-router');
const [own, web, mail, other] = ['nr-own', 'nr-web', 'nr-mail', 'nr-other'];
const prefix = '203.0.113.0/28';
const second = '203.0.113.16/28';

interface LbPod {
  name: string;
  node: ClusterNode;
  namespace?: string;
  service?: string;
  prefixes?: string;
  hostNetwork?: boolean;
}

interface Event {
  reason: string;
  note: string;
  reportingController: string;
  regarding: { name: string };
}

/** What an LB pod is to the node router: label, annotation, an address. */
function manifest({
  name,
  node,
  namespace = web,
  service = 'web',
  prefixes = prefix,
  hostNetwork = false,
}: LbPod) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { 'portable-lb/service': service },
      annotations: { 'portable-lb/vip-prefixes': prefixes },
    },
    spec: {
      nodeName: node.name,
      hostNetwork,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'pause', image: pauseImage }],
    },
  };
}

/** A pod takes a second to start on an idle machine, and half a minute on a busy one. */
const patientMs = 150_000;

describe('node router in the cluster', function () {
  this.timeout(600_000);
  let cluster: Cluster;
  let first: ClusterNode;
  let next: ClusterNode;

  before(async () => {
    cluster = await openCluster();
    [first, next] = cluster.nodes as [ClusterNode, ClusterNode];
    // two node routers on one node would undo each other's routes
    await removePlatform(cluster);
    for (const namespace of [own, web, mail, other]) await cluster.freshNamespace(namespace);
    await install();
  });
  after(async () => {
    await cluster.helm(['uninstall', 'nr', '-n', own, '--no-hooks', '--ignore-not-found']);
    for (const node of cluster.nodes) await node.exec(['ip', 'route', 'flush', 'proto', '142']);
    await cluster.kubectl(['delete', 'namespace', own, web, mail, other, '--wait=false']);
  });
  afterEach(async () => {
    const remove = ['delete', 'pods', '--all', '--timeout=150s', '-n'];
    await Promise.all(
      [web, mail, other].map((place) => cluster.kubectl([...remove, place], { timeoutMs: patientMs })),
    );
    await Promise.all(cluster.nodes.map((node) => sees(node, '', '203.0.113.0/24')));
  });

  async function install(...set: string[]): Promise<void> {
    const values = ['blackholeSeconds=1', `allowedNamespaces={${web},${mail}}`, ...set];
    const options = values.flatMap((value) => ['--set', value]);
    await cluster.helm(
      ['upgrade', '--install', 'nr', chart, '-n', own, '--set', 'allowedPrefixes={203.0.113.0/24}'].concat(
        options,
        ['--wait', '--timeout', '150s'],
      ),
    );
  }

  /** Applies it and waits for its address. */
  async function start(pod: LbPod): Promise<string> {
    await cluster.apply(manifest(pod));
    const path = `/api/v1/namespaces/${pod.namespace ?? web}/pods/${pod.name}`;
    return waitFor(
      `the address of ${pod.name}`,
      async () => {
        const { status } = await cluster.api.call<Pod>('GET', path);
        return (status.phase === 'Running' && status.podIP) || { notYet: status.phase };
      },
      { deadlineMs: patientMs, everyMs: 100 },
    );
  }

  /** The node's routes within a prefix, in order: `via A, B`, `blackhole`. */
  async function sees(node: ClusterNode, words: string, within = prefix): Promise<void> {
    await waitFor(
      `${within} ${words || 'without a route'} on ${node.name}`,
      async () => {
        const seen = await look(node, within);
        return seen === words || { notYet: seen };
      },
      { deadlineMs: patientMs, everyMs: 200 },
    );
  }

  async function look(node: ClusterNode, within = prefix): Promise<string> {
    const text = await node.exec(['ip', '-j', 'route', 'show', 'root', within]);
    const routes: { type?: string; gateway?: string; nexthops?: { gateway: string }[] }[] = JSON.parse(
      text || '[]',
    );
    return routes
      .map(({ type, gateway, nexthops }) =>
        type === 'blackhole'
          ? type
          : `via ${(nexthops?.map((each) => each.gateway) ?? [gateway]).sort().join(', ')}`,
      )
      .join(' | ');
  }

  function eventOf(namespace: string, pod: string, reason: string): Promise<string> {
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    return waitFor(`Event ${reason} on ${pod}`, async () => {
      const { items } = await cluster.api.call<{ items: Event[] }>('GET', path);
      const ours = items.filter(
        ({ regarding, reportingController }) =>
          regarding.name === pod && reportingController === 'portable-lb/node-router',
      );
      const found = ours.find((event) => event.reason === reason)?.note;
      return found ?? { notYet: ours.map((event) => event.reason).join(', ') };
    });
  }

  async function routerOn(node: ClusterNode): Promise<string> {
    const pods = await cluster.waitForPods(own, 'app.kubernetes.io/component=node-router', 3, patientMs);
    return pods.find(({ spec }) => spec.nodeName === node.name)?.metadata.name ?? '';
  }

  async function log(node: ClusterNode): Promise<string> {
    return cluster.kubectl(['logs', '-n', own, await routerOn(node)]);
  }

  it('routes a prefix on each node to the LB pods that run there', async () => {
    const addresses = await Promise.all(
      cluster.nodes.map((node) => start({ name: `web-${node.index}`, node })),
    );
    for (const [index, node] of cluster.nodes.entries())
      await sees(node, `via ${addresses[index]} | blackhole`);
    const beside = await start({ name: 'web-beside', node: first });
    await sees(first, `via ${[addresses[0], beside].sort().join(', ')} | blackhole`);
    await cluster.kubectl(['delete', 'pod', '-n', web, 'web-1', 'web-2']);
    await sees(first, `via ${beside} | blackhole`);
    await sees(next, '');
    expect(await log(first)).to.include(`${prefix} (${web}/web) via ${beside}`);
  });

  it('gives a pod nothing that is not allowed, and tells it by Events', async () => {
    const address = await start({ name: 'victim', node: first });
    await sees(first, `via ${address} | blackhole`);
    const before = await first.exec(['ip', 'route', 'show', 'proto', 'boot', 'root', '0.0.0.0/0']);
    const asked = `0.0.0.0/0, 10.96.0.0/16, ${prefix}, 203.0.113.4/30, web, 203.0.113.1/28`;
    await start({ name: 'evil', namespace: mail, service: 'evil', node: first, prefixes: asked });
    await start({ name: 'evil-host', namespace: mail, node: first, prefixes: second, hostNetwork: true });
    await start({ name: 'evil-place', namespace: other, node: first, prefixes: second });
    expect(await eventOf(mail, 'evil', 'PrefixRefused'))
      .to.include(`node ${first.name}: pod ${mail}/evil: prefix "0.0.0.0/0"`)
      .and.include('is not inside allowedPrefixes (203.0.113.0/24)')
      .and.include('and 3 more');
    expect(await eventOf(mail, 'evil', 'PrefixConflict')).to.include(`service ${web}/web has ${prefix}`);
    expect(await eventOf(web, 'victim', 'PrefixConflict')).to.include(`service ${web}/web keeps ${prefix}`);
    expect(await eventOf(mail, 'evil-host', 'AddressRefused')).to.include('hostNetwork');
    expect(await eventOf(other, 'evil-place', 'NamespaceRefused')).to.include(`${web}, ${mail}`);
    expect(await look(first, '203.0.113.0/24')).to.equal(`via ${address} | blackhole`);
    expect(await first.exec(['ip', 'route', 'show', 'proto', 'boot', 'root', '0.0.0.0/0'])).to.equal(before);
    expect(await first.exec(['ip', 'route', 'show', 'proto', '142', 'root', '10.0.0.0/8'])).to.equal('');
    const described = await cluster.kubectl(['describe', 'pod', '-n', mail, 'evil']);
    expect(described).to.match(/Warning +PrefixRefused .*portable-lb\/node-router/);
    expect(await log(first)).to.include('"10.96.0.0/16\\" of annotation');
  });

  it('leaves a prefix that two services claim with the older, until that is gone', async () => {
    const older = await start({ name: 'older', node: first });
    await sees(first, `via ${older} | blackhole`);
    const younger = await start({ name: 'younger', namespace: mail, service: 'mail', node: first });
    expect(await eventOf(web, 'older', 'PrefixConflict')).to.include(`${mail}/mail claims ${prefix}`);
    expect(await eventOf(mail, 'younger', 'PrefixConflict')).to.include('give nr-mail/mail another prefix');
    expect(await look(first)).to.equal(`via ${older} | blackhole`);
    // a roll-out makes the older service's pods the younger ones; a restart must not hand the prefix over
    const anew = await start({ name: 'older-anew', node: first });
    await cluster.kubectl(['delete', 'pod', '-n', web, 'older']);
    await sees(first, `via ${anew} | blackhole`);
    await cluster.kubectl(['delete', 'pod', '-n', own, await routerOn(first)]);
    expect(await log(first)).to.include(`service ${web}/web keeps ${prefix}`);
    expect(await look(first)).to.equal(`via ${anew} | blackhole`);
    await cluster.kubectl(['delete', 'pod', '-n', web, 'older-anew']);
    await sees(first, `via ${younger} | blackhole`);
  });

  it('leaves the routes as they are during an update', async () => {
    const address = await start({ name: 'steady', node: first });
    await sees(first, `via ${address} | blackhole`);
    const monitor = first.exec(['sh', '-c', 'timeout 20 ip monitor route || true']);
    await cluster.kubectl(['rollout', 'restart', '-n', own, 'daemonset/nr-node-router']);
    const status = ['rollout', 'status', '-n', own, 'daemonset/nr-node-router', '--timeout=150s'];
    await cluster.kubectl(status, { timeoutMs: patientMs });
    expect(await monitor).to.not.include('203.0.113');
    expect(await look(first)).to.equal(`via ${address} | blackhole`);
  });

  it('takes changed settings up without a restart', async () => {
    const address = await start({ name: 'both', node: first, prefixes: `${prefix},${second}` });
    await sees(first, `via ${address} | blackhole`, second);
    const before = await routerOn(first);
    await install(`allowedPrefixes={${prefix}}`);
    await sees(first, '', second);
    expect(await look(first)).to.equal(`via ${address} | blackhole`);
    expect(await eventOf(web, 'both', 'PrefixRefused')).to.include(second);
    await install();
    await sees(first, `via ${address} | blackhole`, second);
    expect(await routerOn(first)).to.equal(before);
  });

  it('keeps routes while the API server is away, though it starts anew meanwhile, and catches up', async () => {
    const address = await start({ name: 'kept', node: first });
    await sees(first, `via ${address} | blackhole`);
    const router = await routerOn(first);
    await cluster.stopApiServer();
    let metrics = '';
    try {
      await waitFor(
        'the pods to be confirmed no more',
        async () => {
          metrics = await first.exec(['curl', '-s', `http://${first.address}:9442/metrics`]);
          const age = /confirmed_age_seconds ([\d.]+)/.exec(metrics)?.[1];
          return Number(age) > 3 || { notYet: `${age} s` };
        },
        { deadlineMs: patientMs, everyMs: 500 },
      );
      await first.exec(['ip', 'route', 'del', prefix, 'metric', '0']);
      await sees(first, `via ${address} | blackhole`);
      await first.exec(['pkill', '-9', '-f', '/app/node-router.js']);
      await waitFor(
        'the node router to be started anew',
        async () => {
          const text = await first.exec(['curl', '-s', `http://${first.address}:9442/readyz`]);
          return text.includes('were not read yet') || { notYet: text };
        },
        { deadlineMs: patientMs, everyMs: 500 },
      );
      expect(await look(first)).to.equal(`via ${address} | blackhole`);
    } finally {
      await cluster.startApiServer();
    }
    const backAtMs = performance.now();
    await cluster.api.call(
      'PATCH',
      `/api/v1/namespaces/${web}/pods/kept`,
      { metadata: { annotations: { 'portable-lb/vip-prefixes': `${prefix},${second}` } } },
      'application/merge-patch+json',
    );
    await sees(first, `via ${address} | blackhole`, second);
    console.log(
      `      caught up ${Math.round(performance.now() - backAtMs)} ms after the API server was ready`,
    );
    expect(await routerOn(first)).to.equal(router);
    expect(await log(first)).to.include('cannot be reached');
  });

  it('says what right it lacks, and leaves the routes', async () => {
    const address = await start({ name: 'righted', node: first });
    await sees(first, `via ${address} | blackhole`);
    const router = await routerOn(first);
    await cluster.kubectl(['delete', 'clusterrolebinding', `portable-lb:${own}:nr-node-router`]);
    await cluster.kubectl(['delete', 'pod', '-n', own, router]);
    const selector = `spec.nodeName=${first.name}`;
    const logs = await waitFor(
      'the sentence in the log',
      async () => {
        const names = await cluster.kubectl([
          'get',
          'pods',
          '-n',
          own,
          '-o',
          'name',
          '--field-selector',
          selector,
        ]);
        const text = await cluster.kubectl(['logs', '-n', own, names.trim()]);
        return text.includes('not allowed to list pods') ? text : { notYet: text };
      },
      { deadlineMs: patientMs, everyMs: 500 },
    );
    expect(logs).to.include('give this pod');
    expect(await look(first)).to.equal(`via ${address} | blackhole`);
    await install();
    await routerOn(first);
  });

  it('removes its routes on every node before it is uninstalled, and leaves nothing', async () => {
    const addresses = await Promise.all(
      cluster.nodes.map((node) => start({ name: `last-${node.index}`, node })),
    );
    for (const [index, node] of cluster.nodes.entries())
      await sees(node, `via ${addresses[index]} | blackhole`);
    await cluster.helm(['uninstall', 'nr', '-n', own], { timeoutMs: 300_000 });
    for (const node of cluster.nodes)
      expect(await node.exec(['ip', 'route', 'show', 'proto', '142'])).to.equal('');
    const left = await cluster.kubectl([
      ...['get', 'daemonsets,jobs,configmaps,serviceaccounts,roles,rolebindings', '-n', own, '-o', 'name'],
      ...['-l', 'app.kubernetes.io/instance=nr'],
    ]);
    expect(left).to.equal('');
    const ofCluster = await cluster.kubectl(['get', 'clusterroles,clusterrolebindings', '-o', 'name']);
    expect(ofCluster).to.not.include('node-router');
  });
});
