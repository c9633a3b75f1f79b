import { expect } from 'chai';
import { Problem } from '../../../common/problem.ts';
import type { NetworkResult } from '../../../controller/kernel/network.ts';
import { createMetrics } from '../../../controller/metrics.ts';
import { createNetworkStep } from '../../../controller/network-step.ts';

describe('network step', () => {
  const well: NetworkResult = { changed: [], problems: [], advice: [] };
  const bad = (code: string): NetworkResult => ({
    ...well,
    problems: [new Problem(code, `${code} happened`)],
  });

  function setUp() {
    const state = { answer: async () => well, nowMs: 0 };
    const silent = () => undefined;
    const log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
    const step = createNetworkStep({
      interface: 'eth0',
      keeper: async () => ({ backend: 'nft', ensure: () => state.answer(), close: silent }),
      log,
      metrics: createMetrics({ snapshotAgeSeconds: () => undefined }),
      nowMs: () => state.nowMs,
    });
    const ensure = () => step.ensure(['203.0.113.0/28'], [], 'reject');
    /** Two turns: what one has a look begun for, the next one knows. */
    const look = async (result: NetworkResult) => {
      state.answer = async () => result;
      state.nowMs += 10_000;
      await ensure();
      await new Promise(setImmediate);
      await ensure();
    };
    return { state, step, ensure, look };
  }

  it('no answer about a network that was right is no fault, which would withdraw it', async () => {
    const { step, look } = setUp();
    await look(well);
    for (const code of ['KERNEL_SILENT', 'COMMAND_SLOW', 'COMMAND_UNSTARTABLE']) {
      const problem = await look(bad(code)).catch((error: Error) => error);
      expect(problem).to.include({ message: `${code} happened` });
      expect(step.fault()).to.equal(undefined);
      expect(step.reachable()).to.deep.equal(['203.0.113.0/28']);
    }
  });

  it('no answer about a network that never was right is one', async () => {
    const { step, look } = setUp();
    await look(bad('COMMAND_SLOW'));
    expect(step.fault()).to.equal('COMMAND_SLOW happened');
    await look(well);
    expect(step.fault()).to.equal(undefined);
  });

  it('a look that takes its time holds up no turn; the next change waits for it', async () => {
    const { state, step, ensure, look } = setUp();
    await look(well);
    const asked: string[] = [];
    let answer = (_: NetworkResult): void => undefined;
    state.answer = () => {
      asked.push('asked');
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    state.nowMs += 10_000;
    await ensure();
    await ensure();
    expect(asked).to.have.length(1);
    const change = step.ensure(['203.0.113.0/28', '203.0.113.16/28'], [], 'reject');
    await new Promise(setImmediate);
    expect(asked).to.have.length(1);
    answer(well);
    await new Promise(setImmediate);
    expect(asked).to.have.length(2);
    answer(well);
    await change;
    expect(step.reachable()).to.deep.equal(['203.0.113.0/28', '203.0.113.16/28']);
  });

  it('what is known to be wrong is one at once', async () => {
    const { step, look } = setUp();
    await look(well);
    await look(bad('SYSCTL_READ_ONLY'));
    expect(step.fault()).to.equal('SYSCTL_READ_ONLY happened');
  });
});
