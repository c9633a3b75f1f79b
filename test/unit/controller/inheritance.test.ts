import { expect } from 'chai';
import type { Lease } from '../../../common/lease.ts';
import { render } from '../../../controller/core/render.ts';
import type { RenderedFiles, WantedService } from '../../../controller/core/types.ts';
import { createInheritance } from '../../../controller/inheritance.ts';
import { defaults, paths, settingsOf, web } from './core/builders.ts';

const lease: Lease = {
  version: 1,
  pod: 'lb-1',
  service: 'default/web',
  announce: true,
  reason: 'rules verified',
  prefixes: ['203.0.113.0/28'],
  renewedAtMs: 0,
  lengthMs: 60_000,
};
const places = web.realServers.map(({ address, port }) => `${address}:${port}`);

function setUp(given: { files?: RenderedFiles | undefined; left?: Lease | undefined } = {}) {
  const { files, left } = {
    files: render(defaults, settingsOf(), [web], paths) as RenderedFiles | undefined,
    left: lease as Lease | undefined,
    ...given,
  };
  const told: string[] = [];
  const held: WantedService[][] = [];
  const renewed: Parameters<Parameters<typeof createInheritance>[0]['leaseRenewal']['renew']>[0][] = [];
  const state = { nowMs: 0, starts: 0 };
  const tell = (_event: string, _fields: object, text: string) => void told.push(text);
  const log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
  const inheritance = createInheritance({
    log,
    nowMs: () => state.nowMs,
    files: { current: () => files },
    paths,
    lease: left,
    keepalived: {
      get started() {
        return state.starts > 0;
      },
      async start() {
        state.starts += 1;
        return { kind: 'loaded', tookMs: 0 };
      },
    },
    kernel: {
      async hold(_service, wanted) {
        held.push([...wanted]);
      },
      fault: () => undefined,
    },
    leaseRenewal: {
      async renew(of) {
        renewed.push(of);
        return { announce: true, reason: 'rules verified' };
      },
    },
  });
  const tendAt = (nowMs: number) => {
    state.nowMs = nowMs;
    return inheritance.tend(2000);
  };
  return { tendAt, told, held, renewed, state };
}

describe('rules that a controller before this one left', () => {
  it('are not touched at first: what is newest usually comes at once', async () => {
    const { tendAt, held, state } = setUp();
    expect(await tendAt(0)).to.equal(undefined);
    expect(await tendAt(2_900)).to.equal(undefined);
    expect({ held, starts: state.starts }).to.deep.equal({ held: [], starts: 0 });
  });

  it('are tended by the files in place: keepalived once, the kernel each turn, the lease that was', async () => {
    const { tendAt, told, held, renewed, state } = setUp();
    for (const nowMs of [4_000, 5_000]) expect(await tendAt(nowMs)).to.include({ announce: true });
    expect(state.starts).to.equal(1);
    expect(told).to.have.length(1);
    expect(told[0]).to.match(/nothing newer can be taken up yet: the rules of the controller before/);
    const [[service] = []] = held;
    expect(held).to.have.length(2);
    expect(service).to.include({ mark: web.mark, scheduler: 'lc' });
    expect(service?.realServers.map(({ address, port }) => `${address}:${port}`)).to.deep.equal(places);
    const { service: name, prefixes, lengthMs, holdDownMs, virtualServices } = renewed[0] ?? {};
    expect({ name, prefixes, lengthMs, holdDownMs }).to.deep.equal({
      name: 'default/web',
      prefixes: ['203.0.113.0/28'],
      lengthMs: 60_000,
      holdDownMs: 2000,
    });
    const { portName: _, ...known } = web;
    expect(virtualServices).to.deep.equal([known]);
  });

  it('a draining server among them is one that takes no flows and has no check', async () => {
    const [first, ...others] = web.realServers;
    const draining = { ...first, weight: 0, state: 'draining' } as (typeof web.realServers)[number];
    const service = { ...web, realServers: [draining, ...others] };
    const { tendAt, renewed } = setUp({ files: render(defaults, settingsOf(), [service], paths) });
    await tendAt(4_000);
    expect(renewed[0]?.virtualServices[0]?.realServers).to.deep.equal(service.realServers);
  });

  for (const [what, setting] of Object.entries({
    'no lease was left': { left: undefined },
    'the lease said no': { left: { ...lease, announce: false } },
  }))
    it(`stay as they are where ${what}`, async () => {
      const { tendAt, told, held, state } = setUp(setting);
      expect(await tendAt(9_000)).to.equal(undefined);
      expect({ told, held, starts: state.starts }).to.deep.equal({ told: [], held: [], starts: 0 });
    });

  for (const [what, files, why] of [
    ['are gone', undefined, /files are gone/],
    [
      'are not as they are written',
      { 'ipvs.conf': 'virtual_server fwmark 1 {\n}\n' },
      /in no file of a port/,
    ],
  ] as const)
    it(`stay as they are, told once, where keepalived's files ${what}`, async () => {
      const { tendAt, told, renewed } = setUp({ files });
      for (const nowMs of [4_000, 5_000]) expect(await tendAt(nowMs)).to.equal(undefined);
      expect(told).to.have.length(1);
      expect(told[0])
        .to.match(why)
        .and.to.match(/stay as they are, the lease is not renewed/);
      expect(renewed).to.deep.equal([]);
    });
});
