import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Action,
  type AnnounceEvent,
  type AnnounceState,
  decide,
  startAnnouncing,
  withdrawDeadlineMs,
} from '../../../bgp-sidecar/announce.ts';
import type { Lease } from '../../../common/lease.ts';

const a = '203.0.113.0/28';
const b = '203.0.113.16/28';
const lease = (announce: boolean, renewedAtMs: number, prefixes = [a], lengthMs = 60_000): Lease => ({
  version: 1,
  pod: 'lb-1',
  service: 'default/web',
  announce,
  reason: 'because',
  prefixes,
  renewedAtMs,
  lengthMs,
});
const reading = (given: Lease): AnnounceEvent => ({
  type: 'lease',
  reading: { state: 'read', lease: given },
});
const tick: AnnounceEvent = { type: 'tick' };

/** Feeds events at their times; gives the last state and all actions. */
function feed(events: [number, AnnounceEvent][]): { state: AnnounceState; actions: Action[] } {
  let state = startAnnouncing(300_000);
  const actions: Action[] = [];
  for (const [nowMs, event] of events) {
    const decision = decide(state, event, nowMs);
    state = decision.state;
    actions.push(...decision.actions);
  }
  return { state, actions };
}
const stateAfter = (...events: [number, AnnounceEvent][]) => feed(events).state;

describe('announce', () => {
  it('waits while there is no lease', () => {
    expect(stateAfter([0, tick]).phase).to.equal('waiting');
    expect(stateAfter([0, { type: 'lease', reading: { state: 'absent' } }]).prefixes).to.deep.equal({});
    expect(stateAfter([0, { type: 'lease', reading: { state: 'torn', why: '' } }]).phase).to.equal('waiting');
  });

  it('announces on yes, withdraws on no', () => {
    expect(stateAfter([0, reading(lease(true, 0))]).prefixes).to.deep.equal({ [a]: 'announced' });
    expect(stateAfter([0, reading(lease(true, 0))], [1, reading(lease(false, 1))]).prefixes).to.deep.equal({
      [a]: 'withdrawn',
    });
  });

  it('keeps to the last lease while the file is torn or gone', () => {
    const torn: AnnounceEvent = { type: 'lease', reading: { state: 'torn', why: 'half' } };
    const gone: AnnounceEvent = { type: 'lease', reading: { state: 'absent' } };
    expect(stateAfter([0, reading(lease(true, 0))], [1, torn], [2, gone]).phase).to.equal('announced');
    expect(stateAfter([0, reading(lease(true, 0))], [1, torn], [60_001, gone]).phase).to.equal('last-resort');
  });

  it('a lapsed yes is a last resort for a time, then withdrawn; a lapsed no stays withdrawn', () => {
    const yes: [number, AnnounceEvent] = [0, reading(lease(true, 0))];
    expect(stateAfter(yes, [60_000, tick]).phase).to.equal('announced');
    expect(stateAfter(yes, [60_001, tick]).prefixes).to.deep.equal({ [a]: 'last-resort' });
    expect(stateAfter(yes, [359_999, tick]).phase).to.equal('last-resort');
    expect(stateAfter(yes, [360_000, tick]).prefixes).to.deep.equal({ [a]: 'withdrawn' });
    expect(stateAfter([0, reading(lease(false, 0))], [60_001, tick]).phase).to.equal('withdrawn');
  });

  it('a lease that returns makes it normal again', () => {
    const back: [number, AnnounceEvent] = [70_000, reading(lease(true, 70_000))];
    expect(stateAfter([0, reading(lease(true, 0))], [60_001, tick], back).phase).to.equal('announced');
    expect(
      stateAfter([0, reading(lease(true, 0))], [400_000, tick], [400_001, reading(lease(true, 400_001))])
        .phase,
    ).to.equal('announced');
  });

  it('a lease from before a reboot is none', () => {
    expect(stateAfter([0, reading(lease(true, 5_000))]).phase).to.equal('waiting');
  });

  it('a prefix that left the lease is withdrawn, the others stay', () => {
    const state = stateAfter([0, reading(lease(true, 0, [a, b]))], [1, reading(lease(true, 1, [b]))]);
    expect(state.prefixes).to.deep.equal({ [a]: 'withdrawn', [b]: 'announced' });
  });

  it('says when something changes by itself', () => {
    const waits = feed([
      [0, reading(lease(true, 0))],
      [60_001, tick],
    ]).actions.filter(({ type }) => type === 'wait');
    expect(waits).to.deep.equal([
      { type: 'wait', untilMs: 60_000 },
      { type: 'wait', untilMs: 360_000 },
    ]);
  });

  it('SIGTERM withdraws and exits once the peers are told', () => {
    const events: [number, AnnounceEvent][] = [
      [0, reading(lease(true, 0))],
      [1, { type: 'stop' }],
    ];
    expect(feed(events).state.prefixes).to.deep.equal({ [a]: 'withdrawn' });
    expect(feed(events).actions.map(({ type }) => type)).to.not.include('exit');
    expect(feed([...events, [2, { type: 'speaker', settled: false }]]).state.phase).to.equal('stopping');
    expect(feed([...events, [2, { type: 'speaker', settled: true }]]).actions.at(-1)).to.deep.equal({
      type: 'exit',
      why: 'withdrawn',
    });
  });

  it('SIGTERM exits after its deadline in any case, and a second one at once', () => {
    const events: [number, AnnounceEvent][] = [
      [0, reading(lease(true, 0))],
      [1, { type: 'stop' }],
    ];
    expect(feed([...events, [1 + withdrawDeadlineMs, tick]]).actions.at(-1)).to.deep.equal({
      type: 'exit',
      why: 'deadline',
    });
    expect(feed([...events, [2, { type: 'stop' }]]).actions.at(-1)).to.deep.equal({
      type: 'exit',
      why: 'second signal',
    });
  });

  describe('in every order of events', () => {
    const step = fc.record({
      waitMs: fc.oneof(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 200_000 })),
      event: fc.oneof(
        fc.record({
          kind: fc.constant('lease' as const),
          announce: fc.boolean(),
          ageMs: fc.integer({ min: -5_000, max: 100_000 }),
          prefixes: fc.subarray([a, b]),
        }),
        fc.constantFrom(
          { kind: 'torn' as const },
          { kind: 'absent' as const },
          { kind: 'tick' as const },
          { kind: 'stop' as const },
          { kind: 'told' as const },
          { kind: 'untold' as const },
        ),
        fc.record({
          kind: fc.constant('settings' as const),
          lastResortMs: fc.integer({ min: 0, max: 400_000 }),
        }),
      ),
    });

    it('what is wanted follows from the last lease, the clock and the signal alone', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          let nowMs = 1_000_000;
          let state = startAnnouncing(300_000);
          let last: Lease | undefined;
          let lastResortMs = 300_000;
          let stops = 0;
          let told: Record<string, string> = {};
          for (const { waitMs, event } of steps) {
            nowMs += waitMs;
            let given: AnnounceEvent = tick;
            if (event.kind === 'lease') {
              const found = lease(event.announce, nowMs - event.ageMs, event.prefixes);
              given = reading(found);
              if (found.renewedAtMs <= nowMs + 1_000) last = found;
            } else if (event.kind === 'torn')
              given = { type: 'lease', reading: { state: 'torn', why: 'half' } };
            else if (event.kind === 'absent') given = { type: 'lease', reading: { state: 'absent' } };
            else if (event.kind === 'told') given = { type: 'speaker', settled: true };
            else if (event.kind === 'untold') given = { type: 'speaker', settled: false };
            else if (event.kind === 'settings') {
              lastResortMs = event.lastResortMs;
              given = { type: 'settings', lastResortMs };
            } else if (event.kind === 'stop') {
              stops += 1;
              given = { type: 'stop' };
            }
            const wasEnded = state.phase === 'ended';
            const decision = decide(state, given, nowMs);
            state = decision.state;
            for (const action of decision.actions) if (action.type === 'tell') told = action.prefixes;

            // nothing after the end, and no end without a signal
            if (wasEnded) expect(decision.actions).to.deep.equal([]);
            if (state.phase === 'ended') expect(stops).to.be.greaterThan(0);
            // what was told is what is wanted
            expect(told).to.deep.equal(state.prefixes);
            const kinds = new Set(Object.values(state.prefixes).filter((kind) => kind !== 'withdrawn'));
            if (stops > 0 || last === undefined || !last.announce) {
              expect([...kinds]).to.deep.equal([]);
              continue;
            }
            const lapsedMs = nowMs - last.renewedAtMs - last.lengthMs;
            const kind = lapsedMs <= 0 ? 'announced' : lapsedMs < lastResortMs ? 'last-resort' : 'withdrawn';
            for (const prefix of [a, b]) {
              const wanted = last.prefixes.includes(prefix) ? kind : 'withdrawn';
              expect(state.prefixes[prefix] ?? 'withdrawn').to.equal(wanted);
            }
          }
        }),
        { numRuns: 500 },
      );
    });
  });
});
