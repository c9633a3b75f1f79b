import { expect } from 'chai';
import type { SpeakerState } from '../../../common/speaker-state.ts';
import { drain, type Traffic } from '../../../controller/drain.ts';

const speaker = (stopping: boolean, kind: 'announced' | 'withdrawn'): SpeakerState => ({
  version: 1,
  writtenAtMs: 0,
  stopping,
  prefixes: { '203.0.113.0/28': kind },
  peers: {},
});

/** Time passes by itself: every look at traffic or state takes `stepMs`. */
function parts(states: SpeakerState[], traffic: (nowMs: number) => Traffic, stepMs = 100) {
  let now = 0;
  let looks = 0;
  return {
    announces: true,
    drainMs: 5000,
    nowMs: () => now,
    speakerState: async () => {
      now += stepMs;
      return states[Math.min(looks++, states.length - 1)];
    },
    traffic: async () => {
      now += stepMs;
      return traffic(now);
    },
  };
}

const busy = (nowMs: number) => ({ activeConnections: 2, packets: nowMs });
const quiet = () => ({ activeConnections: 0, packets: 7 });

describe('drain', () => {
  it('starts when the sidecar says that it stops and everything is withdrawn', async () => {
    const states = [speaker(false, 'announced'), speaker(true, 'announced'), speaker(true, 'withdrawn')];
    const drained = await drain(parts(states, quiet, 500));
    expect(drained).to.include({ withdrawn: 'confirmed', withdrawMs: 1500 });
  });

  it('starts as well when the sidecar stays and has withdrawn, since the lease says no', async () => {
    const states = [speaker(false, 'announced'), speaker(false, 'withdrawn')];
    const drained = await drain(parts(states, quiet, 500));
    expect(drained).to.include({ withdrawn: 'confirmed', withdrawMs: 1000 });
  });

  it('does not wait for ever for a sidecar that is dead', async () => {
    const drained = await drain(parts([speaker(false, 'announced')], quiet, 1000));
    expect(drained).to.include({ withdrawn: 'not confirmed', withdrawMs: 3000 });
  });

  it('forwards until the drain time is over while there is traffic', async () => {
    const drained = await drain(parts([speaker(true, 'withdrawn')], busy, 500));
    expect(drained).to.include({ ended: 'drain time over', connectionsLeft: 2 });
  });

  it('ends early when traffic has ceased', async () => {
    const drained = await drain(parts([speaker(true, 'withdrawn')], quiet, 500));
    expect(drained).to.include({ ended: 'traffic ceased', connectionsLeft: 0 });
    expect(drained.drainMs).to.be.within(2000, 4000);
  });

  it('a connection that is open but silent is still traffic', async () => {
    const drained = await drain(
      parts([speaker(true, 'withdrawn')], () => ({ activeConnections: 1, packets: 7 }), 500),
    );
    expect(drained.ended).to.equal('drain time over');
  });

  it('a kernel that tells nothing of traffic does not break it off, and nothing is thought to be quiet', async () => {
    const traffic = () => {
      throw new Error('this kernel has no IPVS');
    };
    const drained = await drain(parts([speaker(true, 'withdrawn')], traffic, 500));
    expect(drained).to.deep.include({ ended: 'drain time over', connectionsLeft: undefined });
    expect(drained.drainMs).to.be.within(5000, 6000);
  });
});
