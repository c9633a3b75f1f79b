import { expect } from 'chai';
import { eventually, type Server, Station } from './station.ts';

describe('keepalived holds the rules', function () {
  this.timeout(120_000);
  let station: Station;
  beforeEach(() => {
    station = new Station();
  });
  afterEach(() => station.close());

  const servers = (...hosts: number[]): Server[] => hosts.map((host) => ({ address: `10.9.0.${host}` }));

  it('follows its configuration and its checks', async () => {
    for (const address of ['10.9.0.1', '10.9.0.2']) await station.listen(address);
    expect(await station.apply({ 1: servers(1, 2) })).to.include({ kind: 'loaded' });
    expect(station.kernel()).to.deep.equal(['1 10.9.0.1:8080 1', '1 10.9.0.2:8080 1']);

    await station.unlisten('10.9.0.2');
    await eventually(() => expect(station.kernel()).to.deep.equal(['1 10.9.0.1:8080 1']));
    await eventually(() => expect([...station.keepalived.checkedOut()]).to.deep.equal(['1 10.9.0.2:8080']));
    await station.listen('10.9.0.2');
    await eventually(() => expect(station.kernel()).to.have.length(2));
    await eventually(() => expect([...station.keepalived.checkedOut()]).to.deep.equal([]));
    expect(station.events).to.deep.equal([
      { mark: 1, address: '10.9.0.2', port: 8080, up: false },
      { mark: 1, address: '10.9.0.2', port: 8080, up: true },
    ]);
    expect(station.said(/^Removing service \[10\.9\.0\.2\]/)[0]?.level).to.equal('warn');
  });

  it('has the rules of every reload in the kernel when the reload is told as loaded', async () => {
    await station.apply({ 1: [{ address: '10.9.0.1', check: false }] });
    for (let turn = 0; turn < 30; turn++) {
      const weights = Array.from({ length: 5 }, (_, host) => ({
        address: `10.9.1.${host}`,
        weight: 1 + ((turn + host) % 3),
        check: false,
      }));
      const outcome = await station.apply({
        1: turn % 2 ? weights : weights.slice(0, 3),
        2: weights.slice(1),
      });
      expect(outcome, `reload ${turn}`).to.include({ kind: 'loaded' });
      const wanted = (turn % 2 ? weights : weights.slice(0, 3))
        .map(({ address, weight }) => `1 ${address}:8080 ${weight}`)
        .concat(weights.slice(1).map(({ address, weight }) => `2 ${address}:8080 ${weight}`));
      expect(station.kernel(), `reload ${turn}`).to.deep.equal(wanted.sort());
    }
    expect(station.keepalived.restarts + station.keepalived.checkerRestarts).to.equal(0);
  });

  it('lets requests that arrive during a reload share the next, and loses none', async () => {
    await station.apply({ 1: servers(1) });
    const outcomes = [];
    for (let host = 2; host < 12; host++) {
      await station.files.commit(await station.files.stage(station.render({ 1: servers(host) })));
      outcomes.push(station.keepalived.reload());
    }
    for (const outcome of await Promise.all(outcomes)) expect(outcome).to.include({ kind: 'loaded' });
    expect(station.kernel()).to.deep.equal(['1 10.9.0.11:8080 1']);

    const reloads = station.said(/^Reload complete/).length;
    await Promise.all(Array.from({ length: 10 }, () => station.keepalived.reload()));
    expect(station.said(/^Reload complete/).length - reloads).to.equal(2);
  });

  it('takes up a change that was committed while keepalived was starting', async () => {
    const first = station.apply({ 1: servers(1) });
    await eventually(() => expect(station.keepalived.alive).to.equal(true));
    await station.files.commit(await station.files.stage(station.render({ 1: servers(2) })));
    const outcome = await station.keepalived.reload();
    expect((await first).kind).to.equal('loaded');
    expect(outcome.kind).to.equal('loaded');
    expect(station.kernel()).to.deep.equal(['1 10.9.0.2:8080 1']);
  });

  it('keeps a UDP service, which has no check, and starts without any virtual service', async () => {
    expect(await station.apply({})).to.include({ kind: 'loaded' });
    await station.apply({ 5: [{ address: '10.9.0.1', port: 53, check: false }] });
    expect(station.kernel()).to.deep.equal(['5 10.9.0.1:53 1']);
    await station.apply({});
    expect(station.kernel()).to.deep.equal([]);
    expect(station.keepalived.alive).to.equal(true);
  });

  it('gives a dead server that drains back to the kernel with weight 0 and out of the set', async () => {
    await station.listen('10.9.0.1');
    await station.apply({ 1: servers(1, 2) });
    await eventually(() => expect([...station.keepalived.checkedOut()]).to.deep.equal(['1 10.9.0.2:8080']));
    await station.apply({ 1: [{ address: '10.9.0.1' }, { address: '10.9.0.2', weight: 0, check: false }] });
    expect(station.kernel()).to.deep.equal(['1 10.9.0.1:8080 1', '1 10.9.0.2:8080 0']);
    expect([...station.keepalived.checkedOut()]).to.deep.equal([]);
  });

  it('forgets what was said of servers that left, and takes one that comes again for alive', async () => {
    await station.listen('10.9.0.1');
    await station.listen('10.9.0.2');
    await station.apply({ 1: servers(1, 2) });
    await station.files.commit(await station.files.stage(station.render({ 1: servers(1) })));
    await station.keepalived.reload(new Set(['1 10.9.0.1:8080']));
    expect([...station.keepalived.checkedOut()]).to.deep.equal([]);
    await station.apply({ 1: servers(1, 2) });
    expect(station.kernel()).to.have.length(2);
    expect([...station.keepalived.checkedOut()]).to.deep.equal([]);
  });

  it('does not send a changed upper threshold to the kernel: the verify step must', async () => {
    await station.apply({ 1: [{ address: '10.9.0.1', check: false, upperThreshold: 100 }] });
    await station.apply({ 1: [{ address: '10.9.0.1', check: false, upperThreshold: 200 }] });
    expect(station.exec('ipvsadm', '-L', '-n', '--thresholds')).to.match(/10\.9\.0\.1:8080 +100 /);
  });
});
