/** Reflectors are rescheduled: LB pods follow their DNS name, and the router keeps every route meanwhile. */
import { expect } from 'chai';
import type { Pod } from '../../../lab/cluster/cluster.ts';
import { waitFor } from '../../../lab/wait.ts';
import { logLines } from '../log-lines.ts';
import { platformNamespace } from '../site.ts';
import { closeVictim, describeFailed, openVictim, prefix, type Victim } from './victim.ts';

const patientMs = 120_000;
const selector = 'app.kubernetes.io/instance=route-reflector';

describe('reflectors that are rescheduled', function () {
  this.timeout(3 * patientMs);
  let victim: Victim;

  before(async function () {
    this.timeout(600_000);
    victim = await openVictim();
  });

  // The last of the files that share it.
  after(closeVictim);

  const reflectors = () => victim.cluster.waitForPods(platformNamespace, selector, 2, patientMs);

  /** The addresses with which an LB pod has a session, by its own log. */
  async function sessionsOf(pod: Pod): Promise<string[]> {
    const up = new Set<string>();
    for (const { event, level, msg } of logLines(await victim.site.log(pod, 'bgp-sidecar'))) {
      const address = /peer ([\d.]+)/.exec(msg)?.[1];
      if (event !== 'session' || address === undefined) continue;
      if (level === 'info') up.add(address);
      else up.delete(address);
    }
    return [...up].sort();
  }

  const untilSessions = (addresses: string[]) =>
    waitFor(
      `every LB pod to have sessions with ${addresses.join(' and ')}`,
      async () => {
        const held = await Promise.all((await victim.pods()).map(sessionsOf));
        return (
          held.every((each) => addresses.every((address) => each.includes(address))) || {
            notYet: held.map((each) => each.join(' ')).join(' | '),
          }
        );
      },
      { deadlineMs: patientMs, everyMs: 500 },
    );

  it('one after the other gets another address: sessions follow, no route changes, no request fails', async () => {
    const before = await reflectors();
    const changes = victim.cluster.router.history(prefix).length;
    const traffic = await victim.underLoad(async () => {
      for (const { metadata } of before) {
        await victim.cluster.kubectl(['delete', 'pod', '-n', platformNamespace, metadata.name]);
        const now = await reflectors();
        await untilSessions(now.map(({ status }) => status.podIP ?? ''));
      }
    });
    const [old, now] = [before, await reflectors()].map((pods) => pods.map(({ status }) => status.podIP));
    for (const address of now ?? []) expect(old).to.not.include(address);
    expect(traffic.strays, describeFailed(traffic)).to.deep.equal([]);
    expect(victim.cluster.router.history(prefix)).to.have.length(changes);
  });
});
