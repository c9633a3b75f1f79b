import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Departing,
  type DepartingInput,
  noneDeparting,
  stepDeparting,
} from '../../../../controller/core/departing.ts';
import type { VirtualService } from '../../../../controller/core/types.ts';

function portOf(port: number, servers = ['10.0.0.1', '10.0.0.2']): VirtualService {
  const realServers = servers.map((address) => ({
    address,
    port: 8080,
    weight: 1,
    state: 'active' as const,
  }));
  return { key: `TCP/${port}`, protocol: 'TCP', port, mark: port, realServers };
}

const base: DepartingInput = {
  nowMs: 0,
  virtualServices: [],
  prefixes: [],
  announced: undefined,
  withdrawDeadlineMs: 3000,
  drainMs: 30_000,
};

/** Steps one after the other; gives the output of the last. */
function steps(...inputs: Partial<DepartingInput>[]) {
  let departing: Departing = noneDeparting();
  let output: ReturnType<typeof stepDeparting>['output'] | undefined;
  for (const input of inputs) ({ departing, output } = stepDeparting(departing, { ...base, ...input }));
  if (!output) throw new Error('no step');
  const servers = output.virtualServices.map(({ key, realServers }) => [
    key,
    realServers.map(({ weight }) => weight),
  ]);
  return { ...output, servers, departing };
}

describe('departing', () => {
  describe('a port', () => {
    const before = { virtualServices: [portOf(80), portOf(81)] };

    it('stays with weight 0 for the drain time, then goes', () => {
      const after = { virtualServices: [portOf(81)] };
      const left = steps(before, { ...after, nowMs: 1000 });
      expect(left.servers).to.deep.equal([
        ['TCP/80', [0, 0]],
        ['TCP/81', [1, 1]],
      ]);
      expect(left.virtualServices[0]?.realServers.map(({ state }) => state)).to.deep.equal([
        'draining',
        'draining',
      ]);
      expect(left.nextDeadlineMs).to.equal(31_000);
      expect(steps(before, { ...after, nowMs: 1000 }, { ...after, nowMs: 30_999 }).servers).to.have.length(2);
      const gone = steps(before, { ...after, nowMs: 1000 }, { ...after, nowMs: 31_000 });
      expect(gone.servers).to.deep.equal([['TCP/81', [1, 1]]]);
      expect(gone.nextDeadlineMs).to.equal(undefined);
    });

    it('that returns meanwhile is as if it had never left', () => {
      const back = steps(before, { virtualServices: [portOf(81)], nowMs: 1000 }, { ...before, nowMs: 2000 });
      expect(back.virtualServices).to.deep.equal(before.virtualServices);
      expect(back.departing).to.deep.equal(steps({ ...before, nowMs: 2000 }).departing);
    });

    it('that leaves again is drained anew', () => {
      const gone = { virtualServices: [portOf(81)] };
      const again = steps(
        before,
        { ...gone, nowMs: 1000 },
        { ...before, nowMs: 2000 },
        { ...gone, nowMs: 9000 },
      );
      expect(again.nextDeadlineMs).to.equal(39_000);
    });

    it('without servers, or without a drain time, goes at once', () => {
      expect(steps({ virtualServices: [portOf(80, [])] }, { nowMs: 1 }).servers).to.deep.equal([]);
      expect(steps(before, { nowMs: 1, drainMs: 0 }).servers).to.deep.equal([]);
    });

    it('that leaves late in a drain has its own time', () => {
      const left = steps(before, { virtualServices: [portOf(81)], nowMs: 1000 }, { nowMs: 20_000 });
      expect(left.servers).to.have.length(2);
      expect(
        steps(before, { virtualServices: [portOf(81)], nowMs: 1000 }, { nowMs: 20_000 }, { nowMs: 31_000 })
          .servers,
      ).to.deep.equal([['TCP/81', [0, 0]]]);
    });
  });

  describe('a prefix', () => {
    const [a, b] = ['203.0.113.0/28', '198.51.100.0/28'] as const;
    const before = { prefixes: [a, b] };
    const announced = new Set<string>([a, b]);

    it('is withdrawn first, drained once the sidecar has withdrawn it, then gone', () => {
      const told = [before, { prefixes: [a], nowMs: 1000, announced }];
      const withdrawing = steps(...told);
      expect(withdrawing.announcePrefixes).to.deep.equal([a]);
      expect(withdrawing.keptPrefixes).to.deep.equal([a, b]);
      const late = [...told, { prefixes: [a], nowMs: 60_000, announced }];
      expect(steps(...late).keptPrefixes, 'still announced').to.deep.equal([a, b]);
      const confirmed = [...late, { prefixes: [a], nowMs: 61_000, announced: new Set<string>([a]) }];
      expect(steps(...confirmed).keptPrefixes).to.deep.equal([a, b]);
      expect(steps(...confirmed).nextDeadlineMs).to.equal(91_000);
      const gone = steps(...confirmed, { prefixes: [a], nowMs: 91_000, announced: new Set<string>([a]) });
      expect(gone.keptPrefixes).to.deep.equal([a]);
      expect(gone.departing.prefixes).to.deep.equal({});
    });

    it('is drained after a deadline when nobody tells', () => {
      const told = [before, { prefixes: [a], nowMs: 1000 }];
      expect(steps(...told).nextDeadlineMs).to.equal(4000);
      expect(steps(...told, { prefixes: [a], nowMs: 3999 }).nextDeadlineMs).to.equal(4000);
      expect(steps(...told, { prefixes: [a], nowMs: 4000 }).nextDeadlineMs).to.equal(34_000);
      expect(
        steps(...told, { prefixes: [a], nowMs: 4000 }, { prefixes: [a], nowMs: 34_000 }).keptPrefixes,
      ).to.deep.equal([a]);
    });

    it('that nobody announced is drained from the start', () => {
      expect(steps(before, { prefixes: [a], nowMs: 1000, announced: new Set() }).nextDeadlineMs).to.equal(
        31_000,
      );
    });

    it('that returns meanwhile is announced again', () => {
      const back = steps(before, { prefixes: [a], nowMs: 1000 }, { prefixes: [a, b], nowMs: 2000 });
      expect(back.announcePrefixes).to.deep.equal([a, b]);
      expect(back.departing.prefixes).to.deep.equal({});
      expect(back.nextDeadlineMs).to.equal(undefined);
    });
  });

  describe('whatever comes', () => {
    const prefixPool = ['203.0.113.0/28', '198.51.100.0/28', '192.0.2.0/28'];
    const step = fc.record({
      elapsedMs: fc.integer({ min: 0, max: 20_000 }),
      ports: fc.subarray([80, 81, 82]),
      prefixes: fc.subarray(prefixPool, { minLength: 1 }),
      announced: fc.option(fc.subarray(prefixPool), { nil: undefined }),
    });

    it('nothing leaves before its drain, nothing stays after it, nothing is announced that is not wanted', () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (many) => {
          let departing = noneDeparting();
          let nowMs = 0;
          const wantedAtMs = new Map<string, number>();
          for (const { elapsedMs, ports, prefixes, announced } of many) {
            nowMs += elapsedMs;
            const wanted = ports.map((port) => portOf(port));
            const stepped = stepDeparting(departing, {
              ...base,
              nowMs,
              virtualServices: wanted,
              prefixes,
              announced: announced && new Set(announced),
            });
            const { output } = stepped;
            const leftAtMs = new Map(
              departing.ports.map(({ virtualService, goneAtMs }) => [virtualService.key, goneAtMs]),
            );
            departing = JSON.parse(JSON.stringify(stepped.departing));
            const shown = new Map(output.virtualServices.map((service) => [service.key, service]));
            expect(shown.size).to.equal(output.virtualServices.length);
            for (const service of wanted) expect(shown.get(service.key)).to.deep.equal(service);
            for (const { key, realServers } of output.virtualServices)
              if (!ports.some((port) => `TCP/${port}` === key)) {
                expect(
                  realServers.every(({ weight, state }) => weight === 0 && state === 'draining'),
                ).to.equal(true);
                expect(leftAtMs.get(key) ?? Number.POSITIVE_INFINITY).to.be.greaterThan(nowMs);
              }
            for (const key of wantedAtMs.keys())
              if ((leftAtMs.get(key) ?? Number.POSITIVE_INFINITY) > nowMs && !shown.has(key))
                expect.fail(`${key} went before its drain was over`);
            for (const key of [...wantedAtMs.keys()]) if (!shown.has(key)) wantedAtMs.delete(key);
            for (const { key } of wanted) wantedAtMs.set(key, nowMs);
            expect(output.announcePrefixes).to.deep.equal(prefixes);
            expect(output.keptPrefixes).to.include.members(prefixes);
            expect(new Set(output.keptPrefixes).size).to.equal(output.keptPrefixes.length);
            for (const [prefix, { phase }] of Object.entries(departing.prefixes))
              if (phase === 'withdrawing' && announced) expect(announced).to.include(prefix);
            if (output.nextDeadlineMs !== undefined) expect(output.nextDeadlineMs).to.be.greaterThan(nowMs);
          }
          // Left alone and confirmed, everything is gone in the end.
          for (let round = 0; round < 3; round += 1) {
            nowMs += 40_000;
            const stepped = stepDeparting(departing, { ...base, nowMs, announced: new Set() });
            departing = stepped.departing;
          }
          expect(departing).to.deep.equal({
            wanted: { virtualServices: [], prefixes: [] },
            ports: [],
            prefixes: {},
          });
        }),
        { numRuns: 300 },
      );
    });
  });
});
