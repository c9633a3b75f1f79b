import { expect } from 'chai';
import { waitFor } from '../../../lab/wait.ts';
import type { Program } from './program.ts';
import { prefix, Site } from './site.ts';

describe('node router: routes of a node', () => {
  let site: Site;
  let nodeRouter: Program;

  before(async () => {
    site = new Site();
    await site.build();
  });
  after(() => site.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.log(site.logs());
    await site.reset();
  });
  const start = async () => {
    nodeRouter = site.startNodeRouter();
    await nodeRouter.said('settings read');
  };

  it('follows the LB pods: one, several in canonical order, terminating, not ready, none @both', async () => {
    await start();
    site.writePod('b', { address: '10.42.1.10' });
    await site.sees('via 10.42.1.10 | blackhole');
    site.writePod('a', { address: '10.42.1.9' });
    await site.sees('via 10.42.1.9, 10.42.1.10 | blackhole');
    site.writePod('a', { address: '10.42.1.9', state: 'terminating' });
    await site.sees('via 10.42.1.10 | blackhole');
    site.writePod('b', { address: '10.42.1.10', state: 'unready' });
    await site.sees('via 10.42.1.9 | blackhole');
    site.removePod('a');
    await site.sees('via 10.42.1.10 | blackhole');
    expect(await site.ask('/readyz')).to.equal('ok\n 200');
    const [route] = await site.routes();
    expect(route).to.include({ dev: 'cni0', protocol: '142' });
    expect(nodeRouter.times('"event":"route"')).to.equal(5);
    expect(await nodeRouter.end()).to.equal(0);
  });

  it('drops packets for blackholeSeconds after the last LB pod, then has no route', async () => {
    site.configure({ blackholeSeconds: 2 });
    await start();
    site.writePod('a', { address: '10.42.1.2' });
    await site.sees('via 10.42.1.2 | blackhole');
    site.removePod('a');
    await site.sees('blackhole');
    await site.sees('');
    await nodeRouter.said('blackhole over');
    const [startedAtMs = 0, endedAtMs = 0] = ['blackhole', 'route-removed'].map((event) =>
      nodeRouter.toldAtMs(event),
    );
    // Two seconds from the decision; the first line is written when the kernel has the route, some milliseconds later.
    expect(endedAtMs - startedAtMs).to.be.within(1_900, 4_000);
  });

  it('takes allowed prefixes only, and tells what it refuses once', async () => {
    await start();
    site.writePod('a', { address: '10.42.1.2', prefixes: `198.51.100.0/24, ${prefix}, 203.0.113.17/28` });
    await site.sees('via 10.42.1.2 | blackhole');
    for (let time = 0; time < 3; time++) {
      site.writePod('a', {
        address: '10.42.1.2',
        prefixes: `198.51.100.0/24, ${prefix}, 203.0.113.17/28`,
        state: time % 2 ? 'ready' : 'unready',
      });
      await site.sees('via 10.42.1.2 | blackhole');
    }
    site.writePod('b', { address: '10.42.1.3', state: 'ready' });
    await site.sees('via 10.42.1.3 | blackhole');
    expect(await site.routes('198.51.100.0/24')).to.deep.equal([]);
    expect(nodeRouter.times('198.51.100.0/24')).to.equal(1);
    expect(nodeRouter.times('203.0.113.17/28')).to.equal(1);
  });

  it('leaves a prefix to the service that had it first, and tells both once', async () => {
    await start();
    site.writePod('old', { address: '10.42.1.3', service: 'old', created: '2026-11-21T09:00:00Z' });
    await site.sees('via 10.42.1.3 | blackhole');
    site.writePod('new', { address: '10.42.1.2', service: 'new', created: '2026-11-21T09:30:00Z' });
    await nodeRouter.said('service default/new gets no route');
    site.writePod('old-2', { address: '10.42.1.4', service: 'old', created: '2026-11-21T09:40:00Z' });
    await site.sees('via 10.42.1.3, 10.42.1.4 | blackhole');
    site.removePod('old');
    await site.sees('via 10.42.1.4 | blackhole');
    site.removePod('old-2');
    await site.sees('via 10.42.1.2 | blackhole');
  });

  it('keeps what it has when a manifest is half-written, and follows it when it is whole', async () => {
    await start();
    site.writePod('a', { address: '10.42.1.2' });
    await site.sees('via 10.42.1.2 | blackhole');
    const whole = site.readPod('a');
    site.scribblePod('a', whole.slice(0, whole.length / 2));
    await nodeRouter.said('a.json');
    site.scribblePod('a', '');
    site.writePod('b', { address: '10.42.1.3' });
    await site.sees('via 10.42.1.2, 10.42.1.3 | blackhole');
    site.scribblePod('a', whole.replace('10.42.1.2', '10.42.1.8'));
    await site.sees('via 10.42.1.3, 10.42.1.8 | blackhole');
  });

  it('lives with settings that come late, break and change', async () => {
    site.writePod('a', { address: '10.42.1.2', prefixes: `${prefix}, 203.0.113.16/28` });
    site.configure({}, 'allowedPrefixes: 7\n');
    nodeRouter = site.startNodeRouter();
    await nodeRouter.said('allowedPrefixes: ');
    site.configure();
    await site.sees('via 10.42.1.2 | blackhole', '203.0.113.16/28');
    site.configure({ blackhole: 3 });
    await nodeRouter.said('unknown field \\"blackhole\\"');
    site.writePod('b', { address: '10.42.1.3' });
    await site.sees('via 10.42.1.2, 10.42.1.3 | blackhole');
    site.configure({ allowedPrefixes: [prefix] });
    await site.sees('', '203.0.113.16/28');
    await site.sees('via 10.42.1.2, 10.42.1.3 | blackhole');
  });

  it('mends its own routes, and counts it @both', async () => {
    await start();
    site.writePod('a', { address: '10.42.1.2' });
    site.writePod('b', { address: '10.42.1.3' });
    const right = 'via 10.42.1.2, 10.42.1.3 | blackhole';
    await site.sees(right);
    await site.ip('route', 'del', prefix, 'metric', '0');
    await site.sees(right);
    await site.ip('route', 'del', 'blackhole', prefix);
    await site.sees(right);
    await site.ip('route', 'replace', prefix, 'proto', '142', 'via', '10.42.1.3');
    await site.sees(right);
    await site.ip(
      'route',
      'replace',
      prefix,
      'proto',
      '142',
      'nexthop',
      'via',
      '10.42.1.2',
      'weight',
      '9',
      'nexthop',
      'via',
      '10.42.1.3',
    );
    await waitFor('equal weights', async () =>
      (await site.routes())[0]?.nexthops?.every(({ weight }) => weight === 1),
    );
    await site.ip('route', 'add', prefix, 'proto', '142', 'metric', '50', 'via', '10.42.1.3');
    await site.sees(right);
    expect(nodeRouter.times('"event":"route-mended"')).to.equal(5);
    expect(await site.metric('mended_total')).to.equal(5);
  });

  it('does not overwrite the route of somebody else, says so once, and takes its place when it goes', async () => {
    await site.ip('route', 'add', prefix, 'via', '192.0.2.1', 'proto', 'static');
    await start();
    site.writePod('a', { address: '10.42.1.2' });
    await nodeRouter.said('a route that this program did not make (via 192.0.2.1, proto 4)');
    await site.sees('via 192.0.2.1 proto static | blackhole');
    expect(await site.ask('/readyz')).to.match(/is not overwritten.* 503$/s);
    await site.ip('route', 'del', prefix, 'proto', 'static');
    await site.sees('via 10.42.1.2 | blackhole');
    expect(nodeRouter.times('did not make')).to.equal(1);
    // and the other way round: what came over ours is left alone
    await site.ip('route', 'replace', prefix, 'via', '192.0.2.1', 'proto', 'static');
    await waitFor('a second line', () => nodeRouter.times('did not make') === 2);
    await site.sees('via 192.0.2.1 proto static | blackhole');
  });

  it('removes all of its routes and no other by --remove-routes', async () => {
    await site.ip('route', 'add', '203.0.113.64/28', 'via', '192.0.2.1', 'proto', 'static');
    await start();
    site.writePod('a', { address: '10.42.1.2', prefixes: `${prefix}, 203.0.113.16/28` });
    await site.sees('via 10.42.1.2 | blackhole', '203.0.113.16/28');
    await nodeRouter.end();
    await site.sees('via 10.42.1.2 | blackhole');
    const cleaner = site.startNodeRouter([], ['--remove-routes']);
    await cleaner.said('4 routes of proto 142 removed, 0 left');
    await site.sees('');
    await site.sees('', '203.0.113.16/28');
    await site.sees('via 192.0.2.1 proto static', '203.0.113.64/28');
  });

  it('says what it lacks without NET_ADMIN, and keeps running', async () => {
    nodeRouter = site.startNodeRouter([
      'setpriv',
      '--bounding-set',
      '-net_admin',
      '--inh-caps',
      '-net_admin',
    ]);
    site.writePod('a', { address: '10.42.1.2' });
    await nodeRouter.said('the node router needs uid 0 with the capability NET_ADMIN');
    expect(await site.ask('/readyz')).to.match(/NET_ADMIN.* 503$/s);
    expect(await site.ask('/livez')).to.match(/ 200$/);
    expect(await nodeRouter.end()).to.equal(0);
  });

  it('tells the multipath hash policy with its remedy, or sets it', async () => {
    await site.setSysctl('net.ipv4.fib_multipath_hash_policy', '0');
    await start();
    site.writePod('a', { address: '10.42.1.2' });
    await nodeRouter.said('sysctl -w net.ipv4.fib_multipath_hash_policy=1');
    expect(await site.readSysctl('net.ipv4.fib_multipath_hash_policy')).to.equal('0');
    site.configure({ setMultipathHashPolicy: 'set' });
    await nodeRouter.said('net.ipv4.fib_multipath_hash_policy set to 1');
    expect(await site.readSysctl('net.ipv4.fib_multipath_hash_policy')).to.equal('1');
  });

  it('waits for a named interface and routes over it only', async () => {
    site.configure({ interface: 'pods0' });
    await start();
    site.writePod('a', { address: '10.44.1.2' });
    await nodeRouter.said('no interface \\"pods0\\"');
    await site.ip('link', 'add', 'pods0', 'type', 'bridge');
    await site.ip('address', 'add', '10.44.1.1/24', 'dev', 'pods0');
    await site.ip('link', 'set', 'pods0', 'up');
    await site.sees('via 10.44.1.2 | blackhole');
    expect((await site.routes())[0]?.dev).to.equal('pods0');
  });
});
