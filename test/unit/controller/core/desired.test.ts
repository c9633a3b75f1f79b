import { expect } from 'chai';
import fc from 'fast-check';
import { computeDesired } from '../../../../controller/core/desired.ts';
import { emptyMarks } from '../../../../controller/core/marks.ts';
import { render } from '../../../../controller/core/render.ts';
import type { Desired, MarkTable, Snapshot } from '../../../../controller/core/types.ts';
import {
  defaults,
  leaving,
  type Pod,
  paths,
  serviceOf,
  settingsOf,
  sliceOf,
  snapshotOf,
  unready,
  up,
} from './builders.ts';

const settings = settingsOf('realServer: {weight: 7}');
const web = serviceOf([{ name: 'http', port: 80 }]);

function desire(snapshot: Snapshot, marks: MarkTable = emptyMarks()): Desired {
  const desired = computeDesired(settings, snapshot, marks);
  if ('refused' in desired) throw desired.refused[0];
  return desired;
}

function weights(...pods: Pod[]): string[] {
  const [service] = desire(snapshotOf(web, sliceOf('a', ['http=80'], pods))).virtualServices;
  return (service?.realServers ?? []).map(({ address, weight, state }) => `${address} ${weight} ${state}`);
}

describe('desired', () => {
  describe('readiness, every combination', () => {
    // '-' is nil; the weight beside a pod that is ready, and alone
    const table = `
      ready serving terminating beside alone
      -     -       -           7      7
      -     -       yes         0      7
      -     -       no          7      7
      -     yes     -           7      7
      -     yes     yes         0      7
      -     yes     no          7      7
      -     no      -           7      7
      -     no      yes         0      0
      -     no      no          7      7
      yes   -       -           7      7
      yes   -       yes         0      7
      yes   -       no          7      7
      yes   yes     -           7      7
      yes   yes     yes         0      7
      yes   yes     no          7      7
      yes   no      -           7      7
      yes   no      yes         0      0
      yes   no      no          7      7
      no    -       -           0      0
      no    -       yes         0      7
      no    -       no          0      0
      no    yes     -           0      0
      no    yes     yes         0      7
      no    yes     no          0      0
      no    no      -           0      0
      no    no      yes         0      0
      no    no      no          0      0
    `;
    const condition: Record<string, boolean | undefined> = { '-': undefined, yes: true, no: false };
    for (const row of table.trim().split('\n').slice(1)) {
      const [ready = '', serving = '', terminating = '', beside = '', alone = ''] = row.trim().split(/ +/);
      it(`ready ${ready}, serving ${serving}, terminating ${terminating}: ${beside} beside a ready one, ${alone} alone`, () => {
        const conditions = Object.entries({ ready, serving, terminating })
          .map(([name, word]) => [name, condition[word]] as const)
          .filter(([, value]) => value !== undefined);
        const pod = { at: '10.0.0.1', ...Object.fromEntries(conditions) };
        const state = (weight: string) => `10.0.0.1 ${weight} ${weight === '0' ? 'draining' : 'active'}`;
        expect(weights(pod, { at: '10.0.0.2', ...up })).to.deep.equal([state(beside), '10.0.0.2 7 active']);
        expect(weights(pod)).to.deep.equal([state(alone)]);
      });
    }
  });

  it('lets those that serve while they terminate go on when none is ready, and only those', () => {
    expect(
      weights(
        { at: '10.0.0.1', ...leaving },
        { at: '10.0.0.2', ...unready },
        { at: '10.0.0.3', ...leaving, serving: false },
      ),
    ).to.deep.equal(['10.0.0.1 7 active', '10.0.0.2 0 draining', '10.0.0.3 0 draining']);
  });

  it('decides that for each port by itself', () => {
    const service = serviceOf([
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ]);
    const { virtualServices } = desire(
      snapshotOf(
        service,
        sliceOf(
          'a',
          ['http=80'],
          [
            { at: '10.0.0.1', ...up },
            { at: '10.0.0.2', ...leaving },
          ],
        ),
        sliceOf('b', ['dns=53/UDP'], [{ at: '10.0.0.2', ...leaving }]),
      ),
    );
    expect(
      virtualServices.map(({ key, realServers }) => [key, realServers.map(({ weight }) => weight)]),
    ).to.deep.equal([
      ['UDP/53', [7]],
      ['TCP/80', [7, 0]],
    ]);
  });

  it('sorts servers by numeric address, then port, and virtual services by port, TCP before UDP', () => {
    const service = serviceOf([
      { name: 'u', port: 53, protocol: 'UDP' },
      { name: 'h', port: 443 },
      { name: 't', port: 53 },
    ]);
    const pods = ['10.0.0.10', '10.0.0.9', '9.255.255.255', '200.0.0.1'].map((at) => ({ at }));
    const { virtualServices } = desire(
      snapshotOf(
        service,
        sliceOf('a', ['h=2', 't=1', 'u=3/UDP'], pods),
        sliceOf('b', ['h=1'], pods.slice(0, 1)),
      ),
    );
    expect(virtualServices.map(({ key, mark }) => `${key} ${mark}`)).to.deep.equal([
      'TCP/53 1',
      'UDP/53 2',
      'TCP/443 3',
    ]);
    expect(virtualServices[2]?.realServers.map(({ address, port }) => `${address}:${port}`)).to.deep.equal([
      '9.255.255.255:2',
      '10.0.0.9:2',
      '10.0.0.10:1',
      '10.0.0.10:2',
      '200.0.0.1:2',
    ]);
  });

  it('a port without endpoints is a virtual service without servers, and told', () => {
    const { virtualServices, notes } = desire(snapshotOf(web));
    expect(virtualServices).to.deep.equal([
      { key: 'TCP/80', portName: 'http', protocol: 'TCP', port: 80, mark: 1, realServers: [] },
    ]);
    expect(notes.map(({ code }) => code)).to.deep.equal(['PORT_WITHOUT_ENDPOINTS']);
  });

  it('refuses a snapshot without the Service, so that what runs stays', () => {
    const elsewhere = { ...web, metadata: { name: 'web', namespace: 'prod' } };
    for (const service of [undefined, { ...web, metadata: { name: 'other' } }, elsewhere]) {
      const desired = computeDesired(settings, snapshotOf(service), emptyMarks());
      if (!('refused' in desired)) throw new Error('it was accepted');
      expect(desired.refused.map(({ code }) => code)).to.deep.equal(['SERVICE_ABSENT']);
      expect(desired.refused[0]?.message).to.match(/^Service default\/web is not among/);
    }
  });

  it('refuses when no mark is left', () => {
    const desired = computeDesired(settings, snapshotOf(web), { marks: {}, next: 0x80000000 });
    expect('refused' in desired && desired.refused.map(({ code }) => code)).to.deep.equal([
      'MARKS_EXHAUSTED',
    ]);
  });

  it('gives few notes however bad the input', () => {
    const pods = Array.from({ length: 5000 }, (_, i) => ({ at: `bad-${i}` }));
    const { notes } = desire(snapshotOf(web, sliceOf('a', ['http=80'], pods)));
    expect(notes.length).to.be.lessThan(15);
    expect(notes.at(-2)?.message).to.equal('ADDRESS_INVALID: more of the same kind are not listed');
  });

  it('the same input in any order gives the same bytes', () => {
    const pod = fc.record({
      at: fc.integer({ min: 1, max: 30 }).map((i) => `10.0.${i % 3}.${i}`),
      ready: fc.boolean(),
      serving: fc.boolean(),
      terminating: fc.boolean(),
    });
    const slice = fc.record({
      number: fc.integer({ min: 8080, max: 8082 }),
      pods: fc.array(pod, { maxLength: 12 }),
    });
    const ports = fc.shuffledSubarray([
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53 },
    ]);
    const input = fc.tuple(ports, fc.array(slice, { maxLength: 4 })).chain(([ports, slices]) => {
      const built = slices.map(({ number, pods }, i) =>
        sliceOf(`s${i}`, [`http=${number}`, `https=${number + 10}`, `dns=${number}/UDP`], pods),
      );
      const shuffled = (many: typeof built) => fc.shuffledSubarray(many, { minLength: many.length });
      const inner = fc.tuple(
        ...built.map((one) =>
          fc
            .shuffledSubarray(one.endpoints ?? [], { minLength: one.endpoints?.length ?? 0 })
            .map((endpoints) => ({ ...one, endpoints, ports: one.ports?.toReversed() ?? [] })),
        ),
      );
      return fc.record({
        ports: fc.constant(ports),
        built: fc.constant(built),
        otherPorts: fc.shuffledSubarray(ports, { minLength: ports.length }),
        other: inner.chain(shuffled),
      });
    });
    fc.assert(
      fc.property(input, ({ ports, built, otherPorts, other }) => {
        const one = desire(snapshotOf(serviceOf(ports), ...built));
        const two = desire(snapshotOf(serviceOf(otherPorts), ...other));
        expect(JSON.stringify(two)).to.equal(JSON.stringify(one));
        expect(render(defaults, settings, two.virtualServices, paths)).to.deep.equal(
          render(defaults, settings, one.virtualServices, paths),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('takes time in proportion to the endpoints: ten thousand of them far less than a hundred times a thousand', () => {
    const desireOf = (count: number) => {
      const pods = Array.from({ length: count }, (_, i) => ({
        at: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
        ...up,
      }));
      const slices = Array.from({ length: count / 100 }, (_, i) =>
        sliceOf(`s${i}`, ['http=80'], pods.slice(i * 100, i * 100 + 100)),
      );
      const snapshot = snapshotOf(web, ...slices);
      // the best of five: another program may have the processor for a moment
      const tookMs = [1, 2, 3, 4, 5].map(() => {
        const startedAt = process.hrtime.bigint();
        expect(desire(snapshot).virtualServices[0]?.realServers).to.have.length(count);
        return Number(process.hrtime.bigint() - startedAt) / 1e6;
      });
      return Math.min(...tookMs);
    };
    desireOf(1000);
    expect(desireOf(10_000) / desireOf(1000)).to.be.lessThan(60);
  });
});
