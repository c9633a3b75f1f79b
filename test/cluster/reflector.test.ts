/** What a route reflector of the chart takes from pods that ask for too much, and what of it the router gets. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, openCluster, type Pod } from '../../lab/cluster/cluster.ts';
import { reference } from '../../lab/images/plan.ts';
import { checkout } from '../../lab/kernel/places.ts';
import { fabric, nodeAddresses, podAddresses } from '../../lab/network/plan.ts';
import { waitFor } from '../../lab/wait.ts';

const namespace = 'lb-reflector';
const password = 's3"cret\\';
const localAS = 64512;
/** Of the VIP range; no other test's. */
const allowed = '203.0.113.192/26';
const own = '203.0.113.240/28';
const maxPrefixesPerPod = 8;
const slowMs = 120_000;

describe('route reflector and pods that ask for too much', function () {
  this.timeout(300_000);
  let cluster: Cluster;
  let reflector: string;

  const gobgp = (pod: string, ...question: string[]) =>
    cluster.kubectl(['exec', '-n', namespace, pod, '-c', 'gobgpd', '--', 'gobgp', ...question]);
  const announce = (pod: string, prefix: string, nextHop: string) =>
    gobgp(pod, 'global', 'rib', 'add', prefix, 'nexthop', nextHop);
  /** The reflector's line of a peer: AS, time, state, received, accepted. */
  const sessionOf = async (address: string) =>
    (await gobgp(reflector, 'neighbor')).split('\n').find((line) => line.startsWith(`${address} `)) ?? '';
  const waitForSession = (address: string, pattern: RegExp) =>
    waitFor(
      `the reflector's session with ${address} to match ${pattern}`,
      async () => {
        const line = await sessionOf(address);
        return pattern.test(line) ? true : { notYet: line || 'no session' };
      },
      { deadlineMs: slowMs },
    );

  before(async () => {
    cluster = await openCluster();
    await cluster.freshNamespace(namespace, { 'pod-security.kubernetes.io/enforce': 'restricted' });
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bgp', namespace } };
    await cluster.apply({ ...secret, stringData: { password } });
    const values = {
      // the platform's two are on the other nodes
      replicaCount: 1,
      bgp: {
        localAS,
        podCIDRs: [podAddresses],
        nodeCIDRs: [nodeAddresses],
        allowedPrefixes: [allowed],
        routers: [{ address: fabric.router }],
        maxPrefixesPerPod,
        passwordSecret: { name: 'bgp' },
      },
    };
    const chart = join(checkout, 'charts/route-reflector');
    const install = ['upgrade', '--install', 'rr', chart, '-n', namespace, '-f', '-'];
    await cluster.helm([...install, '--wait', '--timeout', '180s'], { input: JSON.stringify(values) });
    const [pod] = await ready('app.kubernetes.io/instance=rr', 1);
    reflector = pod?.metadata.name ?? '';
    const address = pod?.status.podIP ?? '';
    await cluster.apply([
      ...caller('insider', address, password),
      ...caller('listener', address, password),
      ...caller('outsider', address),
    ]);
    await ready('app=caller', 3);
  });

  after(async () => {
    await cluster.helm(['uninstall', 'rr', '-n', namespace, '--ignore-not-found']);
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  });

  it('runs in a namespace of Pod Security level restricted, and calls the router', async () => {
    await waitForSession(fabric.router, /Establ/);
  });

  it('gives no session to a pod without the password', async () => {
    const outsider = await addressOf('outsider');
    const tried = /i\/o timeout|failed to connect/;
    await waitFor(
      'the outsider to have called',
      async () => {
        const log = await cluster.kubectl(['logs', '-n', namespace, 'outsider']);
        return tried.test(log) ? true : { notYet: log.slice(-500) };
      },
      { deadlineMs: slowMs },
    );
    await waitForSession(await addressOf('insider'), /Establ/);
    expect(await sessionOf(outsider)).not.to.match(/Establ/);
    expect(await gobgp('outsider', 'neighbor')).not.to.match(/Establ/);
  });

  it('takes allowed prefixes with a known next-hop; the router hears of nothing else', async () => {
    const insider = await addressOf('insider');
    const node = (await pod('insider')).status.hostIP ?? '';
    await waitForSession(insider, /Establ/);
    const refused = ['0.0.0.0/0', '10.96.0.0/16', '10.42.0.0/16', '198.51.100.0/24', '203.0.113.0/28'];
    for (const prefix of refused) await announce('insider', prefix, node);
    await announce('insider', '203.0.113.224/28', '192.0.2.1');
    const before = refused.map((prefix) => cluster.router.nextHops(prefix));
    await announce('insider', own, node);
    await cluster.router.waitForNextHops(own, [node], slowMs);
    await waitForSession(insider, /Establ +\| +7 /);
    const rib = await gobgp(reflector, 'global', 'rib');
    for (const prefix of [...refused, '203.0.113.224/28']) expect(rib).not.to.include(` ${prefix} `);
    expect(rib).to.include(` ${own} `);
    expect(refused.map((prefix) => cluster.router.nextHops(prefix))).to.deep.equal(before);
    expect(cluster.router.nextHops('203.0.113.224/28')).to.deep.equal([]);
  });

  it('tells LB pods nothing of what others announce', async () => {
    await waitForSession(await addressOf('listener'), /Establ/);
    expect(await gobgp('listener', 'global', 'rib')).not.to.include('203.0.113');
  });

  it('ends the session of a pod that announces too many prefixes, and its routes are gone', async () => {
    const insider = await addressOf('insider');
    const node = (await pod('insider')).status.hostIP ?? '';
    for (let last = 0; last <= maxPrefixesPerPod; last++)
      await announce('insider', `203.0.113.${193 + last}/32`, node);
    await cluster.router.waitForNextHops(own, 0, slowMs);
    expect(await sessionOf(insider)).not.to.match(/Establ/);
    expect(await gobgp(reflector, 'global', 'rib')).not.to.include('203.0.113');
    const log = await cluster.kubectl(['logs', '-n', namespace, reflector, '-c', 'gobgpd']);
    expect(log).to.match(
      new RegExp(`${insider.replaceAll('.', '\\.')}.*prefix limit|prefix limit.*${insider}`, 'i'),
    );
  });

  const ready = (selector: string, count: number) => cluster.waitForPods(namespace, selector, count, slowMs);

  async function pod(name: string): Promise<Pod> {
    const found = await cluster.get<Pod>('pods', name, namespace);
    if (found === undefined) throw new Error(`no pod ${name}`);
    return found;
  }

  const addressOf = async (name: string) => (await pod(name)).status.podIP ?? '';
});

/** A pod with GoBGP of its own, whose user says what it announces. */
function caller(name: string, reflectorAddress: string, secret?: string): object[] {
  const metadata = { name, namespace, labels: { app: 'caller' } };
  const configuration = [
    '[global.config]',
    `as = ${localAS}`,
    `router-id = "192.0.2.${name.charCodeAt(0)}"`,
    'port = -1',
    '[[neighbors]]',
    '[neighbors.config]',
    `neighbor-address = "${reflectorAddress}"`,
    `peer-as = ${localAS}`,
    ...(secret === undefined ? [] : [`auth-password = ${JSON.stringify(secret)}`]),
    '[neighbors.timers.config]',
    'connect-retry = 5',
    'idle-hold-time-after-reset = 600',
  ];
  const container = {
    name: 'gobgpd',
    image: reference('route-reflector'),
    imagePullPolicy: 'Never',
    args: ['--config-file=/etc/gobgp/gobgpd.toml', '--log-level=debug', '--pprof-disable'],
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: 'configuration', mountPath: '/etc/gobgp' }],
  };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'gobgpd.toml': configuration.join('\n') } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: {
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [container],
        volumes: [{ name: 'configuration', configMap: { name } }],
      },
    },
  ];
}
