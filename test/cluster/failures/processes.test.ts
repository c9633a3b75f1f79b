/** Each process of an LB pod is killed, as a kernel out of memory or a careless hand does it. */
import { expect } from 'chai';
import type { Pod } from '../../../lab/cluster/cluster.ts';
import { waitFor } from '../../../lab/wait.ts';
import { testNamespace } from '../site.ts';
import { describeFailed, lbReplicas, openVictim, prefix, type Victim } from './victim.ts';

const patientMs = 120_000;

interface Killed {
  what: string;
  process: RegExp;
  which?: 'parent' | 'child';
  /** Whose log tells it, and how. */
  tells: ['controller' | 'bgp-sidecar', RegExp];
  /** Restarts that the kubelet counts: controller, bgp-sidecar. */
  restarts: [number, number];
}

/** Not those that only test a configuration. */
const keepalived = /^keepalived (?!.*config-test)/;

const cases: Killed[] = [
  {
    what: 'the controller',
    process: /controller\.js/,
    tells: ['controller', /^lease says yes/],
    restarts: [1, 0],
  },
  {
    what: "keepalived's parent",
    process: keepalived,
    which: 'parent',
    tells: ['controller', /keepalived .*SIGKILL/],
    restarts: [0, 0],
  },
  {
    what: "keepalived's child",
    process: keepalived,
    which: 'child',
    tells: ['controller', /child process.* died: Respawning/],
    restarts: [0, 0],
  },
  {
    what: 'the bgp-sidecar',
    process: /bgp-sidecar\.js/,
    tells: ['bgp-sidecar', /announced/],
    restarts: [0, 1],
  },
  {
    what: 'ExaBGP',
    process: /exabgp --env/,
    tells: ['bgp-sidecar', /^ExaBGP: .*SIGKILL/],
    restarts: [0, 0],
  },
  {
    what: "ExaBGP's helper",
    process: /socat/,
    tells: ['bgp-sidecar', /its helper ended; it starts another/],
    restarts: [0, 0],
  },
];

describe('processes of an LB pod that are killed', function () {
  this.timeout(2 * patientMs);
  let victim: Victim;

  before(async function () {
    this.timeout(600_000);
    victim = await openVictim();
  });

  const look = (pod: Pod) => victim.cluster.get<Pod>('pods', pod.metadata.name, testNamespace);
  const restartsOf = async (pod: Pod) => countRestarts(await look(pod));

  function countRestarts(now: Pod | undefined): number[] {
    const names = ['controller', 'bgp-sidecar'];
    return names.map(
      (name) => now?.status.containerStatuses?.find((each) => each.name === name)?.restartCount ?? -1,
    );
  }

  const rulesOf = (pod: Pod) => victim.site.execIn(pod, 'controller', ['ipvsadm', '-Sn']);

  /** Every LB pod is ready and a next-hop again. */
  async function untilWhole(): Promise<void> {
    await victim.pods(patientMs);
    const nodes = victim.cluster.nodes.map(({ address }) => address);
    await victim.cluster.router.waitForNextHops(prefix, nodes, patientMs);
  }

  for (const { what, process, which, tells, restarts } of cases)
    it(`${what}: comes back by itself, and no request fails but those whose route moved`, async () => {
      const pod = await victim.podOn(victim.cluster.nodes[0]);
      const rules = await rulesOf(pod);
      const before = await restartsOf(pod);
      const since = new Date();
      const traffic = await victim.underLoad(async () => {
        await victim.kill(pod, process, which);
        await victim.logged(pod, ...tells, since);
        await untilWhole();
      });
      expect(traffic.strays, describeFailed(traffic)).to.deep.equal([]);
      expect(await rulesOf(pod)).to.equal(rules);
      const after = await restartsOf(pod);
      expect(after.map((count, i) => count - (before[i] ?? 0))).to.deep.equal(restarts);
    });

  it('the controller out of memory: the rules stay in the pod, and traffic goes on', async () => {
    const pod = await victim.podOn(victim.cluster.nodes[1]);
    const rules = await rulesOf(pod);
    const [before = 0] = await restartsOf(pod);
    const traffic = await victim.underLoad(async () => {
      // In the container, so that its limit counts; its own exec dies with it.
      await victim.site.execIn(pod, 'controller', ['node', '--eval', takeMemory]).catch(() => '');
      await waitFor(
        'the container to have been killed for its memory',
        async () => {
          const now = await look(pod);
          const text = JSON.stringify(now?.status.containerStatuses);
          const [after = 0] = countRestarts(now);
          return (text.includes('OOMKilled') && after > before) || { notYet: text };
        },
        { deadlineMs: patientMs, everyMs: 200 },
      );
      await untilWhole();
    });
    expect(traffic.strays, describeFailed(traffic)).to.deep.equal([]);
    expect(await rulesOf(pod)).to.equal(rules);
    const described = await victim.cluster.kubectl([
      ...['describe', 'pod', '-n', testNamespace, pod.metadata.name],
    ]);
    expect(described).to.match(/Last State: +Terminated\s+Reason: +OOMKilled/);
  });

  it('the sandbox itself: the kubelet makes the pod anew under another address', async () => {
    const pod = await victim.podOn(victim.cluster.nodes[2]);
    const traffic = await victim.underLoad(async () => {
      await victim.kill(pod, /^\/pause/);
      await waitFor(
        'another address of the pod',
        async () => {
          const now = await look(pod);
          const address = now?.status.podIP;
          return (address !== undefined && address !== pod.status.podIP) || { notYet: address ?? 'none' };
        },
        { deadlineMs: patientMs, everyMs: 200 },
      );
      await untilWhole();
    });
    expect(traffic.strays, describeFailed(traffic)).to.deep.equal([]);
    expect(await victim.pods()).to.have.length(lbReplicas);
  });
});

const takeMemory = 'const held = []; for (;;) held.push(Buffer.alloc(8_000_000, 1))';
