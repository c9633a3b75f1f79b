import { expect } from 'chai';
import { decideLease, type LeaseFacts, makeLease } from '../../../controller/lease.ts';

const well: LeaseFacts = {
  nowMs: 100_000,
  holdDownMs: 2000,
  nothingYet: undefined,
  networkFault: undefined,
  kernelFault: undefined,
  liveServers: 3,
  serverlessSinceMs: undefined,
  prefixes: ['203.0.113.0/28'],
  stopping: false,
};
const yes = { announce: true, reason: 'rules verified' };

describe('decideLease', () => {
  it('says yes when everything is verified and a server lives', () => {
    expect(decideLease(well, undefined)).to.deep.equal(yes);
  });

  for (const [what, facts] of Object.entries<Partial<LeaseFacts>>({
    'the pod is stopping': { stopping: true },
    'the Service has not been seen yet': { nothingYet: 'the Service has not been seen yet' },
    'no route': { networkFault: 'no route' },
    'FWM 1 is missing': { kernelFault: 'FWM 1 is missing' },
    'no VIP prefix is ready to be announced': { prefixes: [] },
  }))
    it(`says no at once, and why: ${what}`, () => {
      expect(decideLease({ ...well, ...facts }, yes)).to.deep.equal({ announce: false, reason: what });
    });

  it('holds a yes for the hold-down when the last server goes', () => {
    const serverless = { ...well, liveServers: 0, serverlessSinceMs: 99_000 };
    expect(decideLease(serverless, yes).announce).to.equal(true);
    expect(decideLease({ ...serverless, nowMs: 101_000 }, yes)).to.deep.equal({
      announce: false,
      reason: 'no live server',
    });
  });

  it('never turns a no into a yes without a server, hold-down or not', () => {
    const before = { announce: false, reason: 'no live server' };
    expect(decideLease({ ...well, liveServers: 0, serverlessSinceMs: 100_000 }, before).announce).to.equal(
      false,
    );
    expect(decideLease({ ...well, liveServers: 0, serverlessSinceMs: 100_000 }, undefined).announce).to.equal(
      false,
    );
  });

  it('is quick to say yes again when a server is back', () => {
    expect(decideLease(well, { announce: false, reason: 'no live server' })).to.deep.equal(yes);
  });
});

describe('makeLease', () => {
  it('names pod, service, prefixes and when it was renewed', () => {
    const lease = makeLease(
      { pod: 'lb-1', service: 'default/web', lengthMs: 60_000 },
      yes,
      ['203.0.113.0/28'],
      5,
    );
    expect(lease).to.deep.equal({
      version: 1,
      pod: 'lb-1',
      service: 'default/web',
      announce: true,
      reason: 'rules verified',
      prefixes: ['203.0.113.0/28'],
      renewedAtMs: 5,
      lengthMs: 60_000,
    });
  });
});
