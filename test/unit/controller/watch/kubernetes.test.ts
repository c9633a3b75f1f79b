import { expect } from 'chai';
import { createClient, type KubernetesClient } from '../../../../common/kubernetes/client.ts';
import type { ServiceSelection } from '../../../../common/settings.ts';
import type { Snapshot } from '../../../../controller/core/types.ts';
import { createKubernetesSource } from '../../../../controller/watch/kubernetes.ts';
import type { EndpointSource } from '../../../../controller/watch/source.ts';
import { ApiServer, until } from '../../common/kubernetes/api-server.ts';

const services = '/api/v1/namespaces/default/services';
const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const ingresses = '/apis/networking.k8s.io/v1/namespaces/default/ingresses';
const quick = { burstMs: 2, quietMs: 300, longestMs: 700 };

describe('endpoints from the Kubernetes API', () => {
  let server: ApiServer;
  let source: EndpointSource;
  let given: Snapshot[];
  let failures: string[];
  let recoveries: number;

  beforeEach(async () => {
    server = await new ApiServer().start();
    given = [];
    failures = [];
    recoveries = 0;
  });
  afterEach(async () => {
    await source.stop();
    await server.stop();
  });

  const client = (): KubernetesClient => createClient({ server: server.url, options: async () => ({}) });

  async function follow(
    selection: Partial<ServiceSelection> = { name: 'web' },
    open: () => Promise<KubernetesClient> = async () => client(),
  ) {
    source = createKubernetesSource({
      selection: { namespace: 'default', ...selection },
      open,
      timing: { listTimeoutMs: 300 },
      assembly: quick,
    });
    await source.start(
      (snapshot) => given.push(snapshot),
      (problem) => failures.push(problem.message),
      () => {
        recoveries += 1;
      },
    );
  }

  function putService(name: string, spec: object = {}, metadata: object = {}) {
    const stored = server.put(services, {
      metadata: { name, ...metadata },
      spec: { ports: [{ port: 80 }], ...spec },
    });
    return stored.metadata?.uid ?? '';
  }

  function putSlice(name: string, addresses: string[], uid?: string, of = 'web', port: object = {}) {
    const owner = uid === undefined ? {} : { ownerReferences: [{ kind: 'Service', name: of, uid }] };
    server.put(slices, {
      metadata: { name, labels: { 'kubernetes.io/service-name': of }, ...owner },
      addressType: 'IPv4',
      ports: [{ port: 8080, ...port }],
      endpoints: addresses.map((address) => ({ addresses: [address] })),
    });
  }

  const addressesOf = (snapshot: Snapshot | undefined) =>
    snapshot?.slices
      .flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses))
      .join();
  const untilAddresses = (wanted: string) =>
    until(
      () => addressesOf(given.at(-1)) === wanted && given.at(-1)?.service !== undefined,
      () => given.map((each) => [each.service?.metadata?.name, addressesOf(each)]),
    );
  /** Never a moment without endpoints: what a server loses at such a moment it does not get back. */
  const expectNeverEmpty = (from = 0) => {
    for (const snapshot of given.slice(from))
      if (snapshot.service) expect(addressesOf(snapshot)).to.not.equal('');
  };

  it('gives nothing before Service and slices were both listed, then both, and nothing of others', async () => {
    const uid = putService('web');
    putService('other');
    putSlice('web-1', ['10.42.1.2'], uid);
    putSlice('other-1', ['10.42.9.9'], undefined, 'other');
    server.fault = ({ path }) => (path === slices ? { status: 503 } : undefined);
    await follow();
    await until(() => failures.length > 0);
    expect(given).to.deep.equal([]);
    server.fault = () => undefined;
    await untilAddresses('10.42.1.2');
    expect(given).to.have.length(1);
    expect(given[0]?.service?.metadata?.name).to.equal('web');
    await until(() => recoveries === 1);
    const queries = server.seen.map(({ query }) => query.get('fieldSelector') ?? query.get('labelSelector'));
    expect(new Set(queries)).to.deep.equal(new Set(['metadata.name=web', 'kubernetes.io/service-name=web']));
  });

  it('gives what arrives together together, and each change after it', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.2'], uid);
    await follow();
    await untilAddresses('10.42.1.2');
    putSlice('web-1', ['10.42.1.2', '10.42.1.3'], uid);
    putSlice('web-2', ['10.42.1.4'], uid);
    await untilAddresses('10.42.1.2,10.42.1.3,10.42.1.4');
    putService('web', { ports: [{ port: 81 }] });
    await until(() => given.at(-1)?.service?.spec?.ports?.[0]?.port === 81);
  });

  it('lets the servers go when the slices are empty, at once', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.2'], uid);
    await follow();
    await untilAddresses('10.42.1.2');
    putSlice('web-1', [], uid);
    await untilAddresses('');
  });

  it('lets the servers go when there are no slices any more, after that was asked for anew', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.2'], uid);
    await follow();
    await untilAddresses('10.42.1.2');
    server.remove(slices, 'web-1');
    const goneAtMs = performance.now();
    await untilAddresses('');
    expect(performance.now() - goneAtMs).to.be.at.least(quick.longestMs - 10);
    const seen = server.seen.map(({ path, query, atMs }) => ({
      list: query.has('watch') ? undefined : path,
      afterMs: Math.round(atMs - goneAtMs),
    }));
    const anew = seen.filter(({ afterMs }) => afterMs >= quick.longestMs - 10).map(({ list }) => list);
    expect(anew, JSON.stringify(seen)).to.include.members([services, slices]);
  });

  it('keeps its word while slices are deleted and made again', async () => {
    const uid = putService('web');
    for (const n of [1, 2, 3]) putSlice(`web-${n}`, [`10.42.1.${n}`], uid);
    await follow();
    await untilAddresses('10.42.1.1,10.42.1.2,10.42.1.3');
    const from = given.length;
    for (const n of [1, 2, 3]) server.remove(slices, `web-${n}`);
    for (const n of [4, 5, 6]) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      putSlice(`web-${n}`, [`10.42.1.${n - 3}`], uid);
    }
    const namesGiven = () => given.at(-1)?.slices.map(({ metadata }) => metadata?.name ?? '');
    await until(() => namesGiven()?.sort().join() === 'web-4,web-5,web-6', namesGiven);
    for (const snapshot of given.slice(from))
      expect(addressesOf(snapshot)?.split(',').sort()).to.deep.equal(['10.42.1.1', '10.42.1.2', '10.42.1.3']);
  });

  it('does not take a server at one port for the one at another that vanished', async () => {
    const [http, https] = [{ name: 'http' }, { name: 'https', port: 8443 }];
    const uid = putService('web');
    putSlice('web-http', ['10.42.1.1'], uid, 'web', http);
    putSlice('web-https', ['10.42.1.1'], uid, 'web', https);
    await follow();
    await untilAddresses('10.42.1.1,10.42.1.1');
    const from = given.length;
    server.remove(slices, 'web-https');
    putSlice('web-http', ['10.42.1.1', '10.42.1.2'], uid, 'web', http);
    await until(() => given.length > from);
    putSlice('web-https-2', ['10.42.1.1', '10.42.1.2'], uid, 'web', https);
    await untilAddresses('10.42.1.1,10.42.1.2,10.42.1.1,10.42.1.2');
    for (const snapshot of given.slice(from)) {
      const atHttps = snapshot.slices.filter(({ ports }) => ports?.[0]?.name === 'https');
      expect(atHttps.flatMap(({ endpoints }) => endpoints ?? [])).to.not.be.empty;
    }
  });

  it('lets a server go at once while other slices are being put together', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.1', '10.42.1.2'], uid);
    putSlice('web-2', ['10.42.1.3', '10.42.1.4'], uid);
    await follow();
    await untilAddresses('10.42.1.1,10.42.1.2,10.42.1.3,10.42.1.4');
    const from = given.length;
    server.remove(slices, 'web-2');
    putSlice('web-1', ['10.42.1.1', '10.42.1.3'], uid);
    await untilAddresses('10.42.1.1,10.42.1.3');
    expect([...new Set(given.slice(from).map(addressesOf))]).to.deep.equal([
      // 10.42.1.2 has left; whether 10.42.1.4 has, or comes again in another slice, is not known yet.
      '10.42.1.1,10.42.1.3,10.42.1.4',
      '10.42.1.1,10.42.1.3',
    ]);
  });

  it('says that the Service is gone, and waits for the slices of one that is made again', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.1', '10.42.1.2'], uid);
    await follow();
    await untilAddresses('10.42.1.1,10.42.1.2');
    const from = given.length;
    server.remove(services, 'web');
    await until(() => given.length > from);
    expect(given.at(-1)).to.not.have.property('service');
    const again = putService('web', {}, { uid: 'uid-again' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    server.remove(slices, 'web-1');
    putSlice('web-2', ['10.42.1.1'], again);
    await new Promise((resolve) => setTimeout(resolve, 20));
    putSlice('web-3', ['10.42.1.2'], again);
    await untilAddresses('10.42.1.1,10.42.1.2');
    expectNeverEmpty();
    expect(given.at(-1)?.service?.metadata?.uid).to.equal('uid-again');
  });

  it('takes an API that came back empty-handed for a Service that is gone, not for one without servers', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.1'], uid);
    await follow();
    await untilAddresses('10.42.1.1');
    await server.stop();
    server.forget(services, 'web');
    server.forget(slices, 'web-1');
    server.goBackTo(5);
    await server.start();
    await until(() => given.at(-1)?.service === undefined);
    expectNeverEmpty();
    putService('web', {}, { uid });
    putSlice('web-1', ['10.42.1.1'], uid);
    await untilAddresses('10.42.1.1');
    expectNeverEmpty();
  });

  it('does not believe that there are no slices while the API server cannot be asked', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.1'], uid);
    await follow();
    await untilAddresses('10.42.1.1');
    const from = given.length;
    server.remove(slices, 'web-1');
    server.fault = () => ({ status: 500 });
    await until(() => failures.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 3 * quick.longestMs));
    expect(given).to.have.length(from);
    server.fault = () => undefined;
    putSlice('web-2', ['10.42.1.1'], uid);
    await until(() => given.length > from);
    expectNeverEmpty();
  });

  it('tells once what fails for Service and slices alike, and that it is over', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.1'], uid);
    await follow();
    await untilAddresses('10.42.1.1');
    await server.stop();
    await until(() => failures.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(failures).to.have.length(1);
    expect(failures[0]).to.match(/cannot be reached \(.*ECONNREFUSED.*what was read last stays/);
    await server.start();
    await until(() => recoveries === 1);
  });

  it('knows when it was last told that all is current', async () => {
    const uid = putService('web');
    putSlice('web-1', ['10.42.1.1'], uid);
    await follow();
    expect(source.confirmedAtMs).to.equal(undefined);
    await untilAddresses('10.42.1.1');
    await until(() => server.watches === 2);
    const before = source.confirmedAtMs ?? Infinity;
    server.bookmark();
    await until(() => (source.confirmedAtMs ?? 0) > before);
  });

  it('tries again where there is no access to the API yet', async () => {
    let attempts = 0;
    await follow({ name: 'web' }, async () => {
      attempts += 1;
      if (attempts === 1) throw new Error('no token yet');
      return client();
    });
    await until(() => failures[0] === 'no token yet' && recoveries === 1);
  });

  describe('by class', () => {
    const loadBalancer = (loadBalancerClass: string) => ({ type: 'LoadBalancer', loadBalancerClass });

    it('picks the Service of type LoadBalancer of that class, and asks for no other type', async () => {
      putService('plain', { loadBalancerClass: 'portable-lb.io/web' });
      putService('other', loadBalancer('metallb'));
      await follow({ loadBalancerClass: 'portable-lb.io/web' });
      await until(() => given.length === 1);
      expect(given[0]).to.not.have.property('service');
      expect(given[0]?.absence).to.equal(
        'there is no Service of loadBalancerClass portable-lb.io/web in namespace default',
      );
      const uid = putService('web', loadBalancer('portable-lb.io/web'));
      putSlice('web-1', ['10.42.1.1'], uid);
      await untilAddresses('10.42.1.1');
      expect(given.at(-1)?.selectedBy).to.equal(
        'Service of loadBalancerClass portable-lb.io/web in namespace default',
      );
      expect(server.seen[0]?.query.get('fieldSelector')).to.equal('spec.type=LoadBalancer');
    });

    it('forgets what failed of a Service that is not the one any more', async () => {
      putService('a', loadBalancer('x'));
      server.fault = ({ query }) =>
        query.get('labelSelector') === 'kubernetes.io/service-name=a' ? { status: 503 } : undefined;
      await follow({ loadBalancerClass: 'x' });
      await until(() => failures.length === 1);
      server.remove(services, 'a');
      putSlice('b-1', ['10.42.1.2'], putService('b', loadBalancer('x')), 'b');
      await untilAddresses('10.42.1.2');
      await until(
        () => recoveries === 1,
        () => failures,
      );
    });

    it('serves the older one, refuses the second by name, and stays with what it served', async () => {
      const uid = putService('b', loadBalancer('x'), { creationTimestamp: '2026-01-01T00:00:00Z' });
      putService('a', loadBalancer('x'), { creationTimestamp: '2026-01-02T00:00:00Z', uid: 'uid-a' });
      putSlice('b-1', ['10.42.1.1'], uid, 'b');
      await follow({ loadBalancerClass: 'x' });
      await untilAddresses('10.42.1.1');
      const [note] = given.at(-1)?.notes ?? [];
      expect(note?.message).to.match(
        /^Service default\/a has loadBalancerClass x too, and is refused: this LB serves default\/b/,
      );
      expect(note?.event).to.include({ kind: 'Service', name: 'a', uid: 'uid-a' });
      server.remove(services, 'b');
      await until(() => given.at(-1)?.service === undefined);
      expect(given.at(-1)?.absence).to.match(/no longer the Service of loadBalancerClass x/);
      putService('b', loadBalancer('x'));
      putSlice('b-1', ['10.42.1.1'], undefined, 'b');
      await untilAddresses('10.42.1.1');
      expect(given.at(-1)?.service?.metadata?.name).to.equal('b');
    });

    it('picks the backend of the rules of an Ingress, not its default backend, and refuses a second', async () => {
      const uid = putService('web');
      putSlice('web-1', ['10.42.1.1'], uid);
      const backend = (name: string) => ({ backend: { service: { name, port: { number: 80 } } } });
      server.put(ingresses, {
        metadata: { name: 'nginx' },
        spec: { ingressClassName: 'nginx', rules: [{ http: { paths: [backend('x')] } }] },
      });
      server.put(ingresses, {
        metadata: { name: 'main' },
        spec: {
          ingressClassName: 'ipvs',
          defaultBackend: backend('fallback').backend,
          rules: [{ http: { paths: [backend('web'), backend('shop'), backend('shop')] } }, { host: 'empty' }],
        },
      });
      await follow({ ingressClassName: 'ipvs' });
      await untilAddresses('10.42.1.1');
      expect(given.at(-1)?.notes?.map(({ message }) => message)).to.deep.equal([
        'Service default/shop is a backend of Ingress main of class ipvs too, and is refused: this LB serves default/web; give it a class and a release of its own',
      ]);
      expect(given.at(-1)?.notes?.[0]?.event).to.include({ kind: 'Ingress', name: 'main' });
      server.remove(ingresses, 'main');
      await until(() => given.at(-1)?.service === undefined);
      expect(given.at(-1)?.absence).to.match(/no longer the Service of the Ingresses of class ipvs/);
    });
  });
});
