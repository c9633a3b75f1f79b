import { expect } from 'chai';
import { waitFor } from '../../../lab/wait.ts';
import type { Program } from './program.ts';
import { prefix, type Sent, Site } from './site.ts';

const A = '10.42.1.2';
const B = '10.42.1.3';

describe('node router: packets through a node', () => {
  let site: Site;
  let nodeRouter: Program;

  beforeEach(async () => {
    site = new Site();
    await site.build();
    nodeRouter = site.startNodeRouter();
    await nodeRouter.said('settings read');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.log(site.logs());
    await site.close();
  });

  const expectNoneLost = (sent: Sent) => {
    expect(sent.unanswered).to.deep.equal([]);
  };

  it('loses no packet, and hands none back to the router, while LB pods come, change and go @both', async () => {
    await site.addPod('a', A);
    await site.addPod('b', B);
    site.writePod('a', { address: A });
    await site.sees(`via ${A} | blackhole`);
    const sender = await site.startSender();
    for (let round = 0; round < 8; round++) {
      site.writePod('b', { address: B, state: 'unready' });
      site.writePod('b', { address: B });
      await site.sees(`via ${A}, ${B} | blackhole`);
      site.writePod('a', { address: A, state: 'terminating' });
      await site.sees(`via ${B} | blackhole`);
      site.removePod('a');
      site.writePod('b', { address: B, state: 'terminating' });
      await site.sees(`via ${B} | blackhole`);
      site.writePod('a', { address: A });
      await site.sees(`via ${A} | blackhole`);
      site.removePod('b');
    }
    const sent = await site.stopSender(sender);
    expectNoneLost(sent);
    expect(Object.keys(sent.by).sort()).to.deep.equal(['a', 'b']);
    expect(await site.returned()).to.equal(0);
  });

  it('spreads flows over the LB pods by their ports, each flow to one @both', async () => {
    await site.addPod('a', A);
    await site.addPod('b', B);
    site.writePod('a', { address: A });
    site.writePod('b', { address: B });
    await site.sees(`via ${A}, ${B} | blackhole`);
    const sender = await site.startSender(200);
    const { flows, unanswered } = await site.stopSender(sender, 5 * 200);
    expect(unanswered).to.deep.equal([]);
    const byPod = Map.groupBy(Object.values(flows), (pods) => pods.join(' and '));
    expect([...byPod.keys()].sort()).to.deep.equal(['a', 'b']);
    for (const name of ['a', 'b']) expect(byPod.get(name)?.length).to.be.within(60, 140);
  });

  it('leaves its routes when killed, and at its start removes those whose pod is gone @both', async () => {
    site.configure({ blackholeSeconds: 4 });
    await site.addPod('a', A);
    site.writePod('a', { address: A });
    site.writePod('gone', { address: B, prefixes: '203.0.113.32/28' });
    await site.sees(`via ${B} | blackhole`, '203.0.113.32/28');
    await site.sees(`via ${A} | blackhole`);
    const sender = await site.startSender();
    expect(await nodeRouter.end('SIGKILL')).to.equal('SIGKILL');
    site.removePod('gone');
    await site.sees(`via ${A} | blackhole`);
    await site.sees(`via ${B} | blackhole`, '203.0.113.32/28');
    nodeRouter = site.startNodeRouter();
    // its start shares one processor with the packets where the kernel is User-Mode Linux
    await site.sees('blackhole', '203.0.113.32/28', 40_000);
    await site.sees('', '203.0.113.32/28');
    await site.sees(`via ${A} | blackhole`);
    expectNoneLost(await site.stopSender(sender));
    expect(nodeRouter.times('"event":"route"')).to.equal(0);
    expect(await site.returned()).to.equal(0);
  });

  it('keeps packets from going back to the router when the kernel takes a route away with its link', async () => {
    await site.addPodOnItsOwnLink('own', '10.43.1.2');
    site.writePod('own', { address: '10.43.1.2' });
    await site.sees('via 10.43.1.2 | blackhole');
    nodeRouter.process.kill('SIGSTOP');
    const sender = await site.startSender();
    await site.cutPod('own');
    await site.sees('blackhole');
    await sender.said('sent 300.');
    expect(await site.returned()).to.equal(0);
    // without the blackhole they would go back, each until its TTL is over
    await site.ip('route', 'del', 'blackhole', prefix);
    await waitFor('packets handed back', async () => (await site.returned()) > 0);
    nodeRouter.process.kill('SIGCONT');
    await site.sees('blackhole');
    await nodeRouter.said('this node has no interface to that LB pod');
    const { answered, unanswered } = await site.stopSender(sender);
    expect(answered).to.be.greaterThan(0);
    expect(unanswered.length).to.be.greaterThan(0);
  });

  it('gives the other LB pod all packets at once when the link of one goes', async () => {
    await site.addPodOnItsOwnLink('one', '10.43.1.2');
    await site.addPodOnItsOwnLink('two', '10.43.1.3');
    site.writePod('one', { address: '10.43.1.2' });
    site.writePod('two', { address: '10.43.1.3' });
    await site.sees('via 10.43.1.2, 10.43.1.3 | blackhole');
    await site.cutPod('one');
    await site.sees('via 10.43.1.3 | blackhole');
    expect(await site.ask('/readyz')).to.match(/1 LB pods cannot be reached.* 503$/s);
    const sender = await site.startSender();
    site.removePod('one');
    await waitFor('ready again', async () => (await site.ask('/readyz')) === 'ok\n 200');
    expectNoneLost(await site.stopSender(sender));
  });

  it('hears of a lost link at once, also after more changes of routes than it could read', async () => {
    await site.addPodOnItsOwnLink('one', '10.43.1.2');
    await site.addPodOnItsOwnLink('two', '10.43.1.3');
    site.writePod('two', { address: '10.43.1.3' });
    await site.sees('via 10.43.1.3 | blackhole');
    nodeRouter.process.kill('SIGSTOP');
    await site.stormOfRoutes(10_000);
    nodeRouter.process.kill('SIGCONT');
    await nodeRouter.said('changed faster than they could be followed');
    site.writePod('one', { address: '10.43.1.2' });
    await site.sees('via 10.43.1.2, 10.43.1.3 | blackhole');
    // that was a turn: the next one that nothing asks for is three seconds away
    await site.ip('route', 'del', prefix, 'metric', '0');
    await site.sees('via 10.43.1.2, 10.43.1.3 | blackhole', undefined, 1_500);
    await site.cutPod('one');
    await site.sees('via 10.43.1.3 | blackhole', undefined, 1_500);
    expect(nodeRouter.times('"event":"kernel-events"')).to.equal(1);
  });

  it('routes to a pod as soon as its interface is there, though a blackhole of the CNI covers its address', async () => {
    await site.ip('route', 'add', 'blackhole', '10.43.1.0/24', 'proto', 'bird');
    site.writePod('late', { address: '10.43.1.2' });
    await nodeRouter.said('this node has no interface to that LB pod');
    await site.sees('blackhole');
    await site.addPodOnItsOwnLink('late', '10.43.1.2');
    await site.sees('via 10.43.1.2 | blackhole', undefined, 1_000);
    const sender = await site.startSender();
    expect(nodeRouter.times('no interface to that LB pod')).to.equal(1);
    expectNoneLost(await site.stopSender(sender));
  });
});
