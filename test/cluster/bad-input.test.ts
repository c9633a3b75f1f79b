/** What a person gets wrong: each ends in a sentence where that person looks, and in nothing that is announced. */
import { join } from 'node:path';
import { expect } from 'chai';
import type { Cluster, Pod } from '../../lab/cluster/cluster.ts';
import { checkout } from '../../lab/kernel/places.ts';
import { fabric } from '../../lab/network/plan.ts';
import { type LbRelease, openSite, type Site, testNamespace } from './site.ts';

const chart = join(checkout, 'charts/portable-lb');
const quotaNamespace = 'lb-quota';
const deadlineMs = 90_000;

interface Mistake {
  name: string;
  service?: string;
  values?: Record<string, unknown>;
  namespace?: string;
  replicas?: number;
}

const mistakes = [
  { name: 'bad-absent', service: 'nobody-made-it' },
  { name: 'bad-external' },
  { name: 'bad-sctp' },
  { name: 'bad-capability', replicas: 0 },
  { name: 'bad-sysctls', values: { sysctls: { method: 'none' } } },
  {
    name: 'bad-as',
    values: { bgp: { localAS: 64513 } },
  },
  {
    name: 'bad-peers',
    values: {
      bgp: {
        peers: [
          { address: '10.0.0.99' },
          { address: fabric.lab },
          { address: fabric.router, passwordSecret: { name: 'bad-password' } },
          { host: `nobody.${testNamespace}.svc.cluster.local` },
        ],
      },
      nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
    },
  },
  { name: 'bad-secret', values: { bgp: { passwordSecret: { name: 'not-there' } } } },
  { name: 'bad-image', values: { images: { controller: { tag: 'never-built' } } } },
  { name: 'bad-quota', namespace: quotaNamespace },
] satisfies Mistake[];
type Name = (typeof mistakes)[number]['name'];

const prefixOf = (name: Name) =>
  `203.0.113.${64 + 4 * mistakes.findIndex((mistake) => mistake.name === name)}/30`;

describe('bad input', () => {
  let site: Site;
  let cluster: Cluster;

  before(async () => {
    site = await openSite();
    ({ cluster } = site);
    await cluster.apply([
      ...mistakes.map(({ name }) => serviceOf(name)),
      namespaced('Secret', 'bad-password', { stringData: { password: 'not-what-the-router-has' } }),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: quotaNamespace } },
      {
        ...namespaced('ResourceQuota', 'small', { spec: { hard: { 'requests.memory': '100Mi' } } }),
        metadata: { name: 'small', namespace: quotaNamespace },
      },
    ]);
    await Promise.all(mistakes.map(install));
    await takeCapability();
  });
  after(async () => {
    // Without their hooks: no status was written, and one has no image to run them.
    const releases = mistakes.filter((each) => !isElsewhere(each)).map(({ name }) => name);
    await cluster.helm(['uninstall', ...releases, '-n', testNamespace, '--no-hooks', '--ignore-not-found']);
    await cluster.helm(['uninstall', 'bad-quota', '-n', quotaNamespace, '--no-hooks', '--ignore-not-found']);
    await cluster.kubectl(['delete', 'namespace', quotaNamespace, '--wait=false']);
    await cluster.kubectl([
      ...['delete', '-n', testNamespace, 'secret/bad-password'],
      ...mistakes.map(({ name }) => `service/${name}`),
    ]);
  });

  async function install(mistake: Mistake): Promise<void> {
    const { name, service = name } = mistake;
    const release: LbRelease = { replicas: 1, ...mistake, service, prefixes: [prefixOf(name as Name)] };
    await site.installLb(release);
  }

  /** The chart always asks for NET_ADMIN; whoever writes manifests by hand, or a policy that mutates pods, may not. */
  async function takeCapability(): Promise<void> {
    const container = '/spec/template/spec/containers/0';
    const patch = [
      { op: 'test', path: `${container}/name`, value: 'controller' },
      { op: 'replace', path: `${container}/securityContext/capabilities`, value: { drop: ['ALL'] } },
      { op: 'replace', path: '/spec/replicas', value: 1 },
    ];
    const deployment = 'bad-capability-portable-lb';
    await cluster.kubectl([
      ...['patch', 'deployment', deployment, '-n', testNamespace],
      ...['--type=json', '--patch', JSON.stringify(patch)],
    ]);
  }

  const selectorOf = (name: Name) => `app.kubernetes.io/instance=${name},app.kubernetes.io/component=lb`;

  /** Until what a person types shows the sentence. */
  const seen = (pattern: RegExp, args: string[]) => site.untilSaid(pattern, args, deadlineMs);
  const inLog = (name: Name, container: string, pattern: RegExp) =>
    seen(pattern, ['logs', '-n', testNamespace, '-l', selectorOf(name), '-c', container, '--tail=-1']);
  const inDescribe = (what: string, name: string, pattern: RegExp, namespace = testNamespace) =>
    seen(pattern, ['describe', what, '-n', namespace, ...name.split(' ').filter((word) => word !== '')]);

  it('helm itself says which values are wrong, all at once, and installs nothing', async () => {
    const refusals: [string[], RegExp[]][] = [
      [[], [/service: which Service is served\? Set service\.name/, /vip\.prefixes: which addresses/]],
      [[], [/bgp\.localAS: is missing/, /bgp\.peers: is missing/]],
      [['service.nmae=web'], [/additional properties 'nmae' not allowed/]],
      [['vip.prefixes={203.0.113.0}'], [/vip\/prefixes\/0.*an IPv4 prefix, such as 203\.0\.113\.0\/28/s]],
      [
        ['service.name=web', 'vip.prefixes={203.0.113.1/28}', 'bgp.localAS=64512'],
        [/203\.0\.113\.1\/28 has host bits/],
      ],
      [['drain.seconds=soon'], [/drain\/seconds.*want (integer|number)/s]],
    ];
    await Promise.all(
      refusals.map(async ([settings, patterns]) => {
        const set = settings.flatMap((setting) => ['--set', setting]);
        const said = await cluster.helm(['install', 'bad-values', chart, '-n', testNamespace, ...set]).then(
          () => 'nothing: it was installed',
          (error: Error) => error.message,
        );
        for (const pattern of patterns) expect(said).to.match(pattern);
      }),
    );
    const releases = await cluster.helm(['list', '-n', testNamespace, '--short']);
    expect(releases).to.not.include('bad-values');
  });

  it('a Service that does not exist', async () => {
    await inLog(
      'bad-absent',
      'controller',
      /Service lb-test\/nobody-made-it does not exist yet: nothing is announced until it does; create it/,
    );
  });

  it('a Service of type ExternalName', async () => {
    const sentence =
      /Service lb-test\/bad-external is of type ExternalName: it has no endpoints to balance over/;
    await inLog('bad-external', 'controller', sentence);
    await inDescribe('service', 'bad-external', sentence);
  });

  it('a Service with SCTP alone', async () => {
    const sentence = /port 80 is refused: SCTP is not supported/;
    await inLog('bad-sctp', 'controller', sentence);
    await inDescribe('service', 'bad-sctp', sentence);
  });

  it('a container without the capability NET_ADMIN', async () => {
    await inLog('bad-capability', 'controller', /NET_ADMIN/);
  });

  it('sysctls that nobody sets', async () => {
    await inLog(
      'bad-sysctls',
      'controller',
      /[Rr]equired[^"]*net\.ipv4\.(ip_forward is 0|vs\.conntrack is 0)/,
    );
  });

  it('an AS that the peer does not expect', async () => {
    await inLog('bad-as', 'bgp-sidecar', /peer 10\.42\.\S+ \(route-reflector[^"]*\bAS\b/);
  });

  it('peers that are unreachable, refuse, want another password, or have no name', async () => {
    const text = await inLog('bad-peers', 'bgp-sidecar', /nobody\.lb-test[^"]* does not resolve/);
    expect(text).to.not.match(/session with peer .* is up/);
    await inLog('bad-peers', 'bgp-sidecar', /peer 10\.0\.0\.99 gives no connection: nobody has the address/);
    await inLog(
      'bad-peers',
      'bgp-sidecar',
      /peer 10\.0\.0\.250 gives no connection: [^"]*nothing listens on 10\.0\.0\.250:179/,
    );
    // It drops what has no digest; whoever asks cannot tell that from silence.
    await inLog(
      'bad-peers',
      'bgp-sidecar',
      /peer 10\.0\.0\.254 (gives no connection|does not answer)[^"]*firewall[^"]*password/,
    );
  });

  it('a Secret that is missing', async () => {
    await inDescribe('pods', `-l ${selectorOf('bad-secret')}`, /secret "not-there" not found/);
  });

  it('an image that is missing', async () => {
    await inDescribe(
      'pods',
      `-l ${selectorOf('bad-image')}`,
      /(Failed to pull|Back-off pulling) image "ghcr\.io\/portable-lb\/controller:never-built"/,
    );
  });

  it('a quota that is exceeded', async () => {
    await inDescribe(
      'replicasets',
      '',
      /exceeded quota: small, requested: requests\.memory=/,
      quotaNamespace,
    );
    await inDescribe('deployments', '', /ReplicaFailure +True/, quotaNamespace);
  });

  it('none of them announces, or is started again and again', async () => {
    const pods = await cluster.list<Pod>('pods', testNamespace, 'app.kubernetes.io/component=lb');
    const wrong = pods.filter(({ metadata }) => metadata.name.startsWith('bad-'));
    expect(wrong).to.have.length(mistakes.length - 1);
    for (const { metadata, status } of wrong) {
      const restarts = (status.containerStatuses ?? []).map(({ restartCount }) => restartCount);
      expect(Math.max(0, ...restarts), `restarts in ${metadata.name}`).to.equal(0);
      // What is refused of a Service is left out: its LB pods hold all the rest, and may be ready for it.
      if (!metadata.name.startsWith('bad-sctp'))
        expect(status.conditions?.find(({ type }) => type === 'Ready')?.status, metadata.name).to.equal(
          'False',
        );
    }
    for (const { name } of mistakes)
      expect(cluster.router.history(prefixOf(name)), `routes of ${name}`).to.deep.equal([]);
  });
});

const isElsewhere = ({ namespace }: Mistake) => namespace !== undefined;

function namespaced(kind: string, name: string, body: object) {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: testNamespace }, ...body };
}

/** Each mistake's own; that of bad-absent is not the one that its release names. */
function serviceOf(name: Name): object {
  const specs: Partial<Record<Name, object>> = {
    'bad-external': { type: 'ExternalName', externalName: 'elsewhere.example' },
    // Headless: kube-proxy of a kernel without xt_sctp would take up no change of any Service any more.
    'bad-sctp': { clusterIP: 'None', ports: [{ port: 80, protocol: 'SCTP' }], selector: { app: name } },
  };
  return namespaced('Service', name, {
    spec: specs[name] ?? { ports: [{ port: 80, targetPort: 8080 }], selector: { app: name } },
  });
}
