/** The controller's side of the API, against a real kube-apiserver and etcd that fail in every way they can. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Service } from '@kubernetes/client-node';
import { expect } from 'chai';
import { monotonicMs } from '../../common/clock.ts';
import { openAccess } from '../../common/kubernetes/access.ts';
import { createClient, type KubernetesClient, openKubernetes } from '../../common/kubernetes/client.ts';
import { createEventRecorder } from '../../common/kubernetes/events.ts';
import { writeStatus } from '../../controller/cluster/service-status.ts';
import type { Snapshot } from '../../controller/core/types.ts';
import { createKubernetesSource } from '../../controller/watch/kubernetes.ts';
import type { EndpointSource } from '../../controller/watch/source.ts';
import {
  type LoneApiServer,
  type ServiceAccount,
  startLoneApiServer,
} from '../../lab/cluster/lone-api-server.ts';
import { programFolder } from '../../lab/cluster/tools/go-build.ts';
import { readCacheDir } from '../../lab/setup/config.ts';
import { waitFor } from '../../lab/wait.ts';

const namespace = 'lb-test';
const services = `/api/v1/namespaces/${namespace}/services`;
const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
const leewaySeconds = 60;
const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;

describe('endpoints from a real API server', function () {
  this.timeout(240_000);
  let server: LoneApiServer;
  let account: ServiceAccount;
  let mounted: string;
  let admin: KubernetesClient;
  let source: EndpointSource | undefined;
  let given: Snapshot[];
  let told: string[];
  let recoveries: number;

  before(async () => {
    server = await startLoneApiServer(programFolder(readCacheDir()));
    admin = await openKubernetes({ KUBECONFIG: server.kubeconfig });
    await setUpNamespace();
  });
  after(async () => {
    rmSync(mounted, { recursive: true, force: true });
    await server.close();
  });
  beforeEach(() => {
    given = [];
    told = [];
    recoveries = 0;
  });
  afterEach(async () => {
    await source?.stop();
    source = undefined;
  });

  async function setUpNamespace() {
    const create = (path: string, body: object) =>
      server.api.call<{ metadata: { uid: string } }>('POST', path, body);
    await create('/api/v1/namespaces', { metadata: { name: namespace } });
    const made = await create(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name: 'lb' },
    });
    account = { namespace, name: 'lb', uid: made.metadata.uid };
    const verbs = ['get', 'list', 'watch'];
    await create(`${rbac}/roles`, {
      metadata: { name: 'lb' },
      rules: [
        { apiGroups: [''], resources: ['services'], verbs, resourceNames: ['web'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
      ],
    });
    await bind();
    await create(services, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } });
    await putSlice('web-1', ['10.42.1.1']);
    mounted = mkdtempSync(join(tmpdir(), 'service-account-'));
  }

  const bind = () =>
    server.api.call('POST', `${rbac}/rolebindings`, {
      metadata: { name: 'lb' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'lb' },
      subjects: [{ kind: 'ServiceAccount', name: 'lb', namespace }],
    });

  async function putSlice(name: string, addresses: string[]) {
    const body = {
      metadata: { name, labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080 }],
      endpoints: addresses.map((address) => ({ addresses: [address] })),
    };
    const { status } = await server.api.request('GET', `${slices}/${name}`);
    if (status === 404) await server.api.call('POST', slices, body);
    else await server.api.call('PUT', `${slices}/${name}`, body);
  }

  function mount(validSeconds: number) {
    mkdirSync(mounted, { recursive: true });
    writeFileSync(join(mounted, 'token'), server.token(account, validSeconds));
    writeFileSync(join(mounted, 'ca.crt'), server.certificateAuthority);
  }

  /** As a pod sees it: by its service account, whose files the kubelet replaces. */
  async function asPod(): Promise<KubernetesClient> {
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) };
    return createClient(await openAccess(env, mounted));
  }

  async function follow(open: () => Promise<KubernetesClient> = asPod, watchSeconds = 240) {
    source = createKubernetesSource({
      selection: { namespace, name: 'web' },
      open,
      timing: { watchSeconds, listTimeoutMs: 3_000 },
    });
    await source.start(
      (snapshot) => given.push(snapshot),
      ({ message }) => told.push(message),
      () => {
        recoveries += 1;
      },
    );
  }

  const addressesOf = (snapshot: Snapshot | undefined) =>
    snapshot?.slices
      .flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses))
      .join();
  const seen = () => JSON.stringify({ given: given.map(addressesOf), told });
  const untilAddresses = (wanted: string) =>
    waitFor(`the addresses ${wanted}`, () => addressesOf(given.at(-1)) === wanted || { notYet: seen() });
  const expectNeverEmpty = () => {
    for (const snapshot of given)
      if (snapshot.service) expect(addressesOf(snapshot), seen()).to.not.equal('');
  };

  it('follows one Service and its slices with the rights of a Role for that Service alone', async () => {
    mount(600);
    await follow();
    await untilAddresses('10.42.1.1');
    expect(given).to.have.length(1);
    for (let n = 1; n <= 60; n++)
      await putSlice(
        'web-2',
        Array.from({ length: n }, (_, i) => `10.42.2.${i + 1}`),
      );
    await putSlice('web-2', ['10.42.2.9']);
    await untilAddresses('10.42.1.1,10.42.2.9');
    await server.api.call('DELETE', `${slices}/web-2`);
    await untilAddresses('10.42.1.1');
    expect(told).to.deep.equal([]);
    expectNeverEmpty();
    const [first] = given.at(-1)?.slices ?? [];
    expect(first?.metadata).to.not.have.property('managedFields');
  });

  it('keeps its word while the Service and its slices are deleted and made again', async () => {
    mount(600);
    await follow();
    await untilAddresses('10.42.1.1');
    const before = given.at(-1)?.service?.metadata?.uid;
    await server.api.call('DELETE', `${services}/web`);
    await waitFor('the Service to be gone', () => given.at(-1)?.service === undefined);
    await server.api.call('DELETE', `${slices}/web-1`);
    await server.api.call('POST', services, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } });
    await putSlice('web-1', ['10.42.1.1']);
    await waitFor(
      'the new one',
      () => given.at(-1)?.service?.metadata?.uid !== before && given.at(-1)?.service !== undefined,
    );
    await untilAddresses('10.42.1.1');
    expectNeverEmpty();
  });

  it('catches up within two seconds of the return of an API server that was away', async () => {
    mount(600);
    await follow();
    await untilAddresses('10.42.1.1');
    await server.stop();
    await waitFor('the failure to be told', () => told.length > 0);
    const wasMs = source?.confirmedAtMs ?? Infinity;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(source?.confirmedAtMs).to.equal(wasMs);
    await server.start();
    const readyAtMs = monotonicMs();
    await putSlice('web-1', ['10.42.1.7']);
    await untilAddresses('10.42.1.7');
    expect(monotonicMs() - readyAtMs).to.be.below(2_000);
    await waitFor('the recovery', () => recoveries > 0);
    expectNeverEmpty();
    await putSlice('web-1', ['10.42.1.1']);
  });

  it('outlives an API server that stands still without closing a connection', async () => {
    mount(600);
    await follow();
    await untilAddresses('10.42.1.1');
    process.kill(server.apiServer.pid, 'SIGSTOP');
    try {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    } finally {
      process.kill(server.apiServer.pid, 'SIGCONT');
    }
    await putSlice('web-1', ['10.42.1.8']);
    await untilAddresses('10.42.1.8');
    await putSlice('web-1', ['10.42.1.1']);
    await untilAddresses('10.42.1.1');
  });

  it('follows an etcd that was restored from a snapshot, whose versions lie behind what was seen', async () => {
    mount(600);
    await server.snapshot();
    await follow();
    await untilAddresses('10.42.1.1');
    for (let n = 2; n <= 40; n++) await putSlice('web-1', [`10.42.1.${n}`]);
    await untilAddresses('10.42.1.40');
    const ahead = Number(given.at(-1)?.slices[0]?.metadata?.resourceVersion);
    await server.restore();
    await untilAddresses('10.42.1.1');
    await putSlice('web-1', ['10.42.1.50']);
    await untilAddresses('10.42.1.50');
    expect(Number(given.at(-1)?.slices[0]?.metadata?.resourceVersion)).to.be.below(ahead);
    await putSlice('web-1', ['10.42.1.1']);
    expectNeverEmpty();
  });

  it('goes on with a new token when the one that it had has expired', async () => {
    mount(4 - leewaySeconds);
    await follow(asPod, 6);
    await untilAddresses('10.42.1.1');
    await waitFor('401', () => told.some((text) => /401/.test(text)) || { notYet: seen() }, {
      deadlineMs: 60_000,
    });
    expect(told.at(-1)).to.match(/does not accept this pod's token \(401: Unauthorized\)/);
    mount(600);
    const mountedAtMs = monotonicMs();
    await waitFor('the recovery', () => recoveries > 0);
    expect(monotonicMs() - mountedAtMs).to.be.below(3_500);
    expectNeverEmpty();
  });

  it('says which right was taken away, and goes on when it is back', async () => {
    mount(600);
    await follow(asPod, 2);
    await untilAddresses('10.42.1.1');
    await server.api.call('DELETE', `${rbac}/rolebindings/lb`);
    await waitFor('403', () => told.length >= 2 || { notYet: seen() });
    expect(told.join('\n')).to.match(
      /not allowed to (watch|list) services in namespace lb-test \(403: .*system:serviceaccount:lb-test:lb/,
    );
    expect(told.join('\n')).to.match(
      /not allowed to (watch|list) endpointslices\.discovery\.k8s\.io in namespace lb-test/,
    );
    await bind();
    await waitFor('the recovery', () => recoveries > 0);
    expectNeverEmpty();
  });

  it('writes the status beside others, with ipMode, and takes out only its own', async () => {
    const spec = { type: 'LoadBalancer', loadBalancerClass: 'portable-lb.io/x', ports: [{ port: 80 }] };
    await server.api.call('POST', services, { metadata: { name: 'public' }, spec });
    const service = { namespace, name: 'public' };
    const stored = () => server.api.call<V1Service>('GET', `${services}/public`);
    await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        writeStatus(admin, service, {
          addresses: [`203.0.113.${n * 16 + 1}`],
          prefixes: [`203.0.113.${n * 16}/28`],
        }),
      ),
    );
    const { status } = await stored();
    expect(status?.loadBalancer?.ingress).to.have.deep.members(
      Array.from({ length: 6 }, (_, n) => ({ ip: `203.0.113.${n * 16 + 1}`, ipMode: 'Proxy' })),
    );
    const own = { addresses: ['203.0.113.1'], prefixes: ['203.0.113.0/28'] };
    expect(await writeStatus(admin, service, own)).to.equal('as wanted');
    expect(await writeStatus(admin, service, { ...own, addresses: [] })).to.equal('written');
    expect((await stored()).status?.loadBalancer?.ingress).to.have.length(5);
    expect(await writeStatus(admin, { namespace, name: 'web' }, own)).to.equal('not of type LoadBalancer');
    expect(await writeStatus(admin, { namespace, name: 'none' }, own)).to.equal('gone');
  });

  it('writes Events that the API takes, the same again as a count', async () => {
    const failures: string[] = [];
    const recorder = createEventRecorder({
      client: admin,
      component: 'portable-lb/controller',
      instance: 'lb-1',
      onFailure: (problem) => failures.push(problem?.message ?? 'well'),
    });
    const { metadata } = await server.api.call<V1Service>('GET', `${services}/web`);
    const regarding = { apiVersion: 'v1', kind: 'Service', namespace, name: 'web', uid: metadata?.uid };
    const event = {
      type: 'Normal',
      reason: 'Announced',
      note: 'LB pod lb-1 announces 203.0.113.0/28',
    } as const;
    for (let n = 0; n < 3; n++) recorder.record(regarding, event);
    await recorder.close(5_000);
    expect(failures).to.deep.equal([]);
    const { items } = await server.api.call<{ items: Record<string, unknown>[] }>(
      'GET',
      `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
    );
    expect(items).to.have.length(1);
    expect(items[0]).to.deep.include({ reason: 'Announced', note: event.note, reportingInstance: 'lb-1' });
    expect(items[0]?.series).to.include({ count: 3 });
  });

  it('takes an API that came back empty-handed for a Service that is gone', async () => {
    await follow(async () => admin);
    await untilAddresses('10.42.1.1');
    await server.empty();
    await waitFor('that it is gone', () => given.at(-1)?.service === undefined || { notYet: seen() });
    expectNeverEmpty();
    await setUpNamespace();
    await untilAddresses('10.42.1.1');
    expectNeverEmpty();
  });
});
