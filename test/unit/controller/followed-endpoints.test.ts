import { expect } from 'chai';
import { Problem } from '../../../common/problem.ts';
import { parseSettings, type Settings } from '../../../common/settings.ts';
import { followEndpoints } from '../../../controller/followed-endpoints.ts';

function settings(text: string): Settings {
  const read = parseSettings(`vip: { prefixes: [203.0.113.0/28] }\n${text}`, 'settings.yaml');
  if (!read.settings) throw read.problems[0];
  return read.settings;
}

describe('followed endpoints', () => {
  it('changes the source only for another Service or directory, the old one ended before the new one begins', async () => {
    const did: string[] = [];
    const silent = () => undefined;
    const log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
    const endpoints = followEndpoints({
      log,
      nowMs: () => 0,
      onSnapshot: silent,
      makeSource: ({ service }) => ({
        confirmedAtMs: undefined,
        start: async () => void did.push(`start ${service.name}`),
        stop: async () => void did.push(`stop ${service.name}`),
      }),
    });
    endpoints.follow(settings('service: { name: web }'));
    endpoints.follow(settings('service: { name: web }\nscheduler: rr'));
    endpoints.follow(settings('service: { name: shop }'));
    await endpoints.stop();
    expect(did).to.deep.equal(['start web', 'stop web', 'start shop', 'stop shop']);
  });

  it('says how old the snapshot is at a failure, every minute, and that it is over', async () => {
    const told: string[] = [];
    const tell = (_event: string, fields: object, text: string) =>
      void told.push(`${text} ${JSON.stringify(fields)}`);
    const log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
    const state = { nowMs: 100_000, confirmedAtMs: 100_000 };
    let fail = () => {};
    let recover = () => {};
    const endpoints = followEndpoints({
      log,
      nowMs: () => state.nowMs,
      onSnapshot: () => undefined,
      makeSource: () => ({
        get confirmedAtMs() {
          return state.confirmedAtMs;
        },
        async start(_onSnapshot, onFailure, onRecovery = () => undefined) {
          fail = () => onFailure(new Problem('KUBERNETES_UNREACHABLE', 'away'));
          recover = onRecovery;
        },
        stop: async () => undefined,
      }),
    });
    expect(endpoints.ageSeconds()).to.equal(undefined);
    endpoints.follow(settings('service: { name: web }'));
    await new Promise((resolve) => setImmediate(resolve));
    state.nowMs = 105_000;
    fail();
    for (; state.nowMs <= 230_000; state.nowMs += 1_000) endpoints.remind();
    state.confirmedAtMs = state.nowMs;
    recover();
    for (; state.nowMs <= 350_000; state.nowMs += 1_000) endpoints.remind();
    expect(told).to.have.length(4);
    expect(told[0]).to.equal('away {"code":"KUBERNETES_UNREACHABLE","snapshotAgeSeconds":5}');
    expect(told[1]).to.match(/has confirmed nothing for 65 s: the rules stay/);
    expect(told[2]).to.match(/has confirmed nothing for 125 s/);
    expect(told[3]).to.match(/answers again after 126 s/);
    expect(endpoints.ageSeconds()).to.equal(120);
    await endpoints.stop();
  });
});
