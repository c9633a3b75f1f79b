import { expect } from 'chai';
import { watchForStuck } from '../../../../controller/keepalived/stuck.ts';

describe('a keepalived that may hang', () => {
  const setUp = () => {
    const switches = new Map<number, string | undefined>([
      [10, '5'],
      [11, '7'],
    ]);
    const watch = watchForStuck(async (pid) => switches.get(pid));
    return { switches, watch, overdue: () => watch.overdue([10, 11, undefined]) };
  };

  it('is given one more time, and hangs when a process of it has not stirred until then', async () => {
    const { switches, overdue } = setUp();
    expect(await overdue()).to.equal(undefined);
    switches.set(10, '6');
    expect(await overdue()).to.equal(11);
  });

  it('is only slow while all its processes stir', async () => {
    const { switches, overdue } = setUp();
    for (let round = 0; round < 5; round++) {
      for (const pid of [10, 11]) switches.set(pid, `${pid} ${round}`);
      expect(await overdue()).to.equal(undefined);
    }
  });

  it('begins anew once it was heard of, and where a process is gone', async () => {
    const { switches, watch, overdue } = setUp();
    await overdue();
    watch.heard();
    expect(await overdue()).to.equal(undefined);
    switches.clear();
    expect(await overdue()).to.equal(undefined);
  });
});
