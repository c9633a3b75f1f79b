import { expect } from 'chai';
import { createReloadQueue } from '../../../../controller/keepalived/reloads.ts';

describe('keepalived reload queue', () => {
  let hangups: number;
  let clock: number;
  const open = (deadlineMs = 1000) => {
    hangups = 0;
    clock = 0;
    return createReloadQueue({ deadlineMs, nowMs: () => clock, sendHangup: () => hangups++ });
  };
  const settled = async (outcome: Promise<unknown>) =>
    Promise.race([outcome, new Promise((resolve) => setImmediate(resolve, 'waits'))]);

  it('sends no SIGHUP before keepalived has loaded, and counts its start as a reading', async () => {
    const queue = open();
    const before = queue.request();
    expect(queue.busy).to.equal(true);
    queue.processStarted();
    const after = queue.request();
    expect(hangups).to.equal(0);
    clock = 40;
    queue.loaded();
    expect(await before).to.deep.equal({ kind: 'loaded', tookMs: 40 });
    expect(hangups, 'for what was asked after the start').to.equal(1);
    expect(await settled(after)).to.equal('waits');
    queue.loaded();
    expect(await after).to.include({ kind: 'loaded' });
    expect(queue.busy).to.equal(false);
  });

  it('lets requests during a reload share one further SIGHUP', async () => {
    const queue = open();
    queue.processStarted();
    queue.loaded();
    const first = queue.request();
    const later = [queue.request(), queue.request(), queue.request()];
    expect(hangups).to.equal(1);
    queue.loaded();
    await first;
    expect(hangups).to.equal(2);
    queue.loaded();
    await Promise.all(later);
    expect(hangups).to.equal(2);
  });

  it('waits for a checker that died, whose successor may not have read the newest files', async () => {
    const queue = open();
    queue.processStarted();
    queue.loaded();
    queue.childDied();
    const outcome = queue.request();
    expect(hangups).to.equal(0);
    queue.loaded();
    expect(hangups).to.equal(1);
    expect(await settled(outcome)).to.equal('waits');
    queue.loaded();
    expect(await outcome).to.include({ kind: 'loaded' });
  });

  it('takes up at the next start what a keepalived that died did not', async () => {
    const queue = open();
    queue.processStarted();
    queue.loaded();
    const outcome = queue.request();
    queue.processGone();
    queue.processStarted();
    queue.loaded();
    expect(await outcome).to.include({ kind: 'loaded' });
    expect(hangups).to.equal(1);
  });

  it('tells a refusal, and goes on', async () => {
    const queue = open();
    queue.processStarted();
    queue.loaded();
    const refused = queue.request();
    queue.refused();
    expect(await refused).to.deep.equal({ kind: 'refused' });
    const next = queue.request();
    queue.loaded();
    expect(await next).to.include({ kind: 'loaded' });
  });

  it('tells an answer that does not come as overdue, and sends again at the next request', async () => {
    const queue = open(10);
    queue.processStarted();
    queue.loaded();
    expect(await queue.request()).to.include({ kind: 'overdue' });
    expect(hangups).to.equal(1);
    const next = queue.request();
    expect(hangups).to.equal(2);
    queue.loaded();
    expect(await next).to.include({ kind: 'loaded' });
  });

  it('leaves nobody waiting when it is closed', async () => {
    const queue = open();
    const outcome = queue.request();
    queue.close();
    expect(await outcome).to.include({ kind: 'overdue' });
  });
});
