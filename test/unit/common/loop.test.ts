import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { startLoop } from '../../../common/loop.ts';

const longMs = 60_000;
const base = { nowMs: () => performance.now(), onError: () => {} };

describe('startLoop', () => {
  it('takes a turn at once, then one for each trigger', async () => {
    let turns = 0;
    const turned = Promise.withResolvers<void>();
    const loop = startLoop({
      ...base,
      turn: async () => {
        turns += 1;
        if (turns === 2) turned.resolve();
        return longMs;
      },
    });
    await sleep(1);
    loop.trigger();
    await turned.promise;
    await loop.stop();
    expect(turns).to.equal(2);
  });

  it('never has two turns at once, and makes one turn of the triggers that come meanwhile', async () => {
    let running = 0;
    let most = 0;
    let turns = 0;
    const release = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const loop = startLoop({
      ...base,
      turn: async () => {
        turns += 1;
        running += 1;
        most = Math.max(most, running);
        if (turns === 1) await release.promise;
        else second.resolve();
        running -= 1;
        return longMs;
      },
    });
    for (let i = 0; i < 20; i += 1) loop.trigger();
    release.resolve();
    await second.promise;
    await loop.stop();
    expect({ most, turns }).to.deep.equal({ most: 1, turns: 2 });
  });

  it('goes on after a turn that throws, and tells it', async () => {
    const told: unknown[] = [];
    let turns = 0;
    const third = Promise.withResolvers<void>();
    const loop = startLoop({
      ...base,
      onError: (error) => told.push(error),
      turn: async () => {
        turns += 1;
        if (turns === 1) throw new Error('disk full');
        if (turns === 3) third.resolve();
        return 1;
      },
    });
    await third.promise;
    await loop.stop();
    expect(told.map(String)).to.deep.equal(['Error: disk full']);
  });

  it('stops after the turn that is under way', async () => {
    let ended = false;
    const loop = startLoop({
      ...base,
      turn: async () => {
        await sleep(20);
        ended = true;
        return longMs;
      },
    });
    await loop.stop();
    expect(ended).to.equal(true);
  });
});
