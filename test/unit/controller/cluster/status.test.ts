import type { V1LoadBalancerIngress } from '@kubernetes/client-node';
import { expect } from 'chai';
import { createClient } from '../../../../common/kubernetes/client.ts';
import { ingressOf, mergeIngress } from '../../../../controller/cluster/load-balancer-status.ts';
import { writeStatus } from '../../../../controller/cluster/service-status.ts';
import { createStatusKeeper } from '../../../../controller/cluster/status-keeper.ts';
import { ApiServer } from '../../common/kubernetes/api-server.ts';

const services = '/api/v1/namespaces/default/services';
const own = { addresses: ['203.0.113.1'], prefixes: ['203.0.113.0/28'] };
const entry = (ip: string, more: object = {}): V1LoadBalancerIngress => ({ ip, ipMode: 'Proxy', ...more });

describe('status.loadBalancer', () => {
  it('gets its addresses beside those of others, which stay as they are', () => {
    const others = [entry('198.51.100.7', { ipMode: 'VIP' }), { hostname: 'lb.example' }];
    expect(mergeIngress(others, own)).to.deep.equal([...others, entry('203.0.113.1')]);
    expect(mergeIngress([entry('203.0.113.1'), ...others], own)).to.deep.equal([
      entry('203.0.113.1'),
      ...others,
    ]);
  });

  it('loses addresses of its prefixes that are not wanted any more, and of prefixes that it had', () => {
    const held = [entry('203.0.113.9'), entry('192.0.2.1'), entry('198.51.100.7')];
    expect(mergeIngress(held, { ...own, former: new Set(['192.0.2.1']) })).to.deep.equal([
      entry('198.51.100.7'),
      entry('203.0.113.1'),
    ]);
  });

  it('gets ipMode Proxy where its address is there without', () => {
    expect(mergeIngress([{ ip: '203.0.113.1' }], own)).to.deep.equal([entry('203.0.113.1')]);
  });
});

describe('a Service of type LoadBalancer', () => {
  let server: ApiServer;
  beforeEach(async () => {
    server = await new ApiServer().start();
    put({});
  });
  afterEach(() => server.stop());

  const put = (more: object, spec: object = { type: 'LoadBalancer' }) =>
    server.put(services, { metadata: { name: 'web' }, spec, ...more });
  const service = { namespace: 'default', name: 'web' };
  const client = () => createClient({ server: server.url, options: async () => ({}) });
  const stored = () => ingressOf(server.list(services)[0] as object);
  const patches = () => server.seen.filter(({ method }) => method === 'PATCH').length;

  it('is written, and read back', async () => {
    expect(await writeStatus(client(), service, own)).to.equal('written');
    expect(stored()).to.deep.equal([entry('203.0.113.1')]);
    expect(server.seen.map(({ method, path }) => `${method} ${path.replace(services, '')}`)).to.deep.equal([
      'GET /web',
      'PATCH /web/status',
      'GET /web',
    ]);
    expect(await writeStatus(client(), service, own)).to.equal('as wanted');
    expect(patches()).to.equal(1);
  });

  it('loses nothing of what somebody else writes at the same time', async () => {
    let once = true;
    server.fault = ({ method }) => {
      if (method === 'PATCH' && once) {
        once = false;
        put({ status: { loadBalancer: { ingress: [entry('198.51.100.7')] } } });
      }
      return undefined;
    };
    expect(await writeStatus(client(), service, own)).to.equal('written');
    expect(stored()).to.deep.equal([entry('198.51.100.7'), entry('203.0.113.1')]);
    expect(patches()).to.equal(2);
  });

  it('has the address taken out again by a server that drops ipMode, and that is told', async () => {
    const dropping = new Proxy(client(), {
      get: (target, name) =>
        name !== 'request'
          ? Reflect.get(target, name)
          : (request: Parameters<typeof target.request>[0]) => {
              const text = JSON.stringify(request.body)?.replaceAll(',"ipMode":"Proxy"', '');
              return target.request(text === undefined ? request : { ...request, body: JSON.parse(text) });
            },
    });
    put({ status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }] } } });
    const failure = await writeStatus(dropping, service, own).catch((problem: Error) => problem);
    expect((failure as Error).message).to.match(
      /dropped ipMode from the status of Service default\/web, so 203\.0\.113\.1 was taken out again/,
    );
    expect(stored()).to.deep.equal([{ ip: '198.51.100.7' }]);
  });

  it('is left alone when it is of another type, or gone', async () => {
    put({}, { type: 'ClusterIP' });
    expect(await writeStatus(client(), service, own)).to.equal('not of type LoadBalancer');
    server.remove(services, 'web');
    expect(await writeStatus(client(), service, own)).to.equal('gone');
    expect(patches()).to.equal(0);
  });

  describe('kept', () => {
    let told: string[];
    let nowMs: number;
    beforeEach(() => {
      told = [];
      nowMs = 0;
    });
    const vip = { ...own, unmatched: 'reject' as const };
    function keeper() {
      const tell = (_event: string, _fields: object, text: string) => void told.push(text);
      const log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
      return createStatusKeeper({ open: async () => client(), log, nowMs: () => nowMs });
    }
    const now = () => server.list(services)[0] as object;

    it('is written once, and put back half a minute after somebody took it out', async () => {
      const keeps = keeper();
      keeps.tend(now(), vip);
      keeps.tend(now(), vip);
      await keeps.idle();
      expect(stored()).to.deep.equal([entry('203.0.113.1')]);
      expect(told).to.deep.equal([
        'Service default/web: status.loadBalancer names 203.0.113.1 (ipMode Proxy)',
      ]);
      put({ status: { loadBalancer: {} } });
      nowMs = 29_000;
      keeps.tend(now(), vip);
      await keeps.idle();
      expect(patches()).to.equal(1);
      nowMs = 31_000;
      keeps.tend(now(), vip);
      await keeps.idle();
      expect(patches()).to.equal(2);
    });

    it('changes at once with the settings, and with a Service that was made again', async () => {
      const keeps = keeper();
      keeps.tend(now(), vip);
      await keeps.idle();
      keeps.tend(now(), { ...vip, addresses: ['203.0.113.2'] });
      await keeps.idle();
      expect(stored()).to.deep.equal([entry('203.0.113.2')]);
      server.remove(services, 'web');
      put({});
      keeps.tend(now(), { ...vip, addresses: ['203.0.113.2'] });
      await keeps.idle();
      expect(stored()).to.deep.equal([entry('203.0.113.2')]);
    });

    it('tells a refusal once, and tries again', async () => {
      server.fault = ({ method }) =>
        method === 'PATCH' ? { status: 403, body: { message: 'User "lb" cannot patch' } } : undefined;
      const keeps = keeper();
      for (nowMs = 0; nowMs < 100_000; nowMs += 1_000) {
        keeps.tend(now(), vip);
        await keeps.idle();
      }
      expect(told).to.have.length(1);
      expect(told[0]).to.match(
        /not allowed to patch services\/status in namespace default \(403: User "lb" cannot patch/,
      );
      server.fault = () => undefined;
      nowMs += 30_000;
      keeps.tend(now(), vip);
      await keeps.idle();
      expect(stored()).to.have.length(1);
    });
  });
});
