/** What an LB pod meets around it: full disks, torn files, missing privileges, a clock that jumps. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import type { ContainerRole } from '../../../lab/roles/lb-pod-api.ts';
import { readIpvs } from './ipvs-table.ts';
import { type LivePair, openLivePair } from './live-pair.ts';
import { logLength, logLines, prefix } from './station.ts';

const deadlineMs = 60_000;

describe('surroundings that fail', function () {
  this.timeout(240_000);
  let pair: LivePair;

  before(async () => {
    pair = await openLivePair();
  });
  after(() => pair?.lab.close());

  it('a torn lease: the sidecar goes by the last good one', async () => {
    const { pod, runsOn } = pair;
    const before = await readIpvs(pod);
    const stop = performance.now() + 3000;
    // The controller writes a good one each second: in between it is torn again and again.
    while (performance.now() < stop)
      await pod.controller.exec(['sh', '-c', `printf '{"version":1,"pod' >/run/portable-lb/lease.json`]);
    expect(await pod.metric('sidecar', 'portable_lb_bgp_lease_torn_total')).to.be.greaterThan(0);
    await runsOn(before);
    expect(pod.speakerState())
      .to.have.property('prefixes')
      .that.deep.equals({ [prefix]: 'announced' });
  });

  it('without NET_ADMIN, and without a sysctl: told with the remedy, not announced, not restarted', async () => {
    const { lab, service, node, complaints } = pair;
    const [bare, still] = (await Promise.all([
      lab.addLbPod({ service, node, controllerCapabilities: [] }),
      lab.addLbPod({ service, node, sysctls: { 'net.ipv4.ip_forward': 0 } }),
    ])) as [LabLbPod, LabLbPod];
    const words = /NET_ADMIN.*capabilities/s;
    await waitFor('word of the capability', () => complaints(0, bare).some((msg) => words.test(msg)), {
      deadlineMs,
    });
    const remedy = /net\.ipv4\.ip_forward is 0.*sysctl -w net\.ipv4\.ip_forward=1.*securityContext\.sysctls/s;
    await waitFor('word of the sysctl', () => complaints(0, still).some((msg) => remedy.test(msg)), {
      deadlineMs,
    });
    for (const pod of [bare, still]) {
      expect(pod.lease()?.announce ?? false).to.equal(false);
      expect(pod.isReady).to.equal(false);
      expect(pod.controller.restarts).to.equal(0);
      const told = complaints(0, pod);
      expect(new Set(told).size, told.join('\n')).to.equal(told.length);
    }
    await Promise.all([bare.kill(), still.kill()]);
  });

  it('the wall clock an hour forth and back: neither lease nor route notices, changes are taken', async function () {
    if (process.env.LAB_KERNEL === 'host') return this.skip();
    const { pod, runsOn, takesAGoodChange } = pair;
    let held = await readIpvs(pod);
    const from = logLength(pod);
    const startedAtMs = performance.now();
    const nowSeconds = Date.now() / 1000;
    const setClock = (offsetSeconds: number) => {
      const passedSeconds = (performance.now() - startedAtMs) / 1000;
      execFileSync('date', ['-s', `@${(nowSeconds + passedSeconds + offsetSeconds).toFixed(3)}`]);
    };
    try {
      for (const offsetSeconds of [3600, -3600]) {
        setClock(offsetSeconds);
        await runsOn(held);
        held = await takesAGoodChange();
        expect(pod.lease()?.announce).to.equal(true);
      }
      // A timer of the wall clock would stand still now: the peers would miss its keepalives for the hold time of 9 s.
      const back = performance.now();
      await waitFor('the hold time and more', () => performance.now() - back > 10_000, {
        deadlineMs: 20_000,
      });
      await runsOn(held);
    } finally {
      setClock(0);
    }
    expect(await readIpvs(pod)).to.deep.equal(held);
    expect(logLines(pod, from).filter(({ event }) => event === 'lease')).to.deep.equal([]);
  });

  /** The pair starts again with a small disk in the place of this directory, with what is in it. */
  async function onSmallDisk(directory: string, work: () => Promise<void>): Promise<void> {
    const { pod, router, node } = pair;
    const containers = [pod.controller, pod.sidecar];
    await Promise.all(containers.map((container) => container.kill({ after: 'dead' })));
    await router.waitForNextHops(prefix, [], deadlineMs);
    const copy = `${directory}.copy`;
    execFileSync('cp', ['--archive', directory, copy]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=777', 'tmpfs', directory]);
    try {
      execFileSync('cp', ['--archive', `${copy}/.`, directory]);
      for (const container of containers) container.revive();
      await pod.ready(deadlineMs);
      await router.waitForNextHops(prefix, [node.address], deadlineMs);
      pair.routeIsAsItIs();
      await work();
    } finally {
      execFileSync('umount', ['--lazy', directory]);
    }
  }

  /** Done while nobody replaces a file: the old one would leave its room for the next. */
  async function fill(directory: string): Promise<void> {
    const containers = [pair.pod.controller, pair.pod.sidecar];
    await waitFor('a moment when no file is being replaced', async () => {
      for (const container of containers) container.signal('SIGSTOP');
      try {
        await waitFor('both to stand still', () => containers.every(standsStill));
        const replaced = readdirSync(directory).filter((name) => name.endsWith('.tmp'));
        if (replaced.length > 0) return { notYet: replaced.join(' ') };
        spawnSync('dd', ['if=/dev/zero', `of=${directory}/fill`, 'bs=4k']);
        expect(statfsSync(directory).bavail, 'blocks that are left').to.equal(0);
        return true;
      } finally {
        for (const container of containers) container.signal('SIGCONT');
      }
    });
  }

  it('a full disk under the run directory: what runs stays, the change comes when there is room', async () => {
    const { pod, service, complaint, complaints, runsOn, takesAGoodChange } = pair;
    const runDir = join(pod.sharedDir, '..', 'run');
    await onSmallDisk(runDir, async () => {
      const before = await readIpvs(pod);
      const from = logLength(pod);
      await fill(runDir);
      await service.updateSettings({ realServer: { weight: 50 } });
      await complaint(from, /\/run\/keepalived\S* cannot be written \(.*make room/);
      await runsOn(before);
      rmSync(join(runDir, 'fill'));
      await waitFor(
        'the change',
        async () => Object.values((await readIpvs(pod))['FWM 1']?.servers ?? {})[0] === 50,
        { deadlineMs },
      );
      expect(complaints(from)).to.have.length(1);
      await takesAGoodChange();
    });
  });

  it('a full disk under the shared directory: told once by each, a last resort until there is room', async () => {
    const { pod, client, service, router, node, complaint, complaints, takesAGoodChange, runsOn } = pair;
    await onSmallDisk(pod.sharedDir, async () => {
      const from = logLength(pod);
      const fromOfSidecar = pod.sidecar.logText().length;
      await fill(pod.sharedDir);
      await complaint(from, /lease\.json cannot be written \(.*ENOSPC.*make room/s);
      await waitFor(
        'the last resort',
        async () => (await pod.metric('sidecar', 'portable_lb_bgp_prefixes', { state: 'last-resort' })) === 1,
        { deadlineMs: 2 * deadlineMs },
      );
      expect(router.nextHops(prefix)).to.deep.equal([node.address]);
      const report = await client.requests({ urls: [service.url()], count: 6, timeoutMs: 30_000 });
      expect(report.failed).to.deep.equal([]);
      rmSync(join(pod.sharedDir, 'fill'));
      await waitFor(
        'to be announced again',
        () => {
          const kind = (pod.speakerState()?.prefixes as Record<string, string> | undefined)?.[prefix];
          return kind === 'announced' || { notYet: kind };
        },
        { deadlineMs },
      );
      expect(complaints(from).filter((msg) => /make room/.test(msg))).to.have.length(1);
      const told =
        pod.sidecar
          .logText()
          .slice(fromOfSidecar)
          .match(/"level":"error".*ENOSPC/g) ?? [];
      expect(told).to.have.length(1);
      pair.routeIsAsItIs();
      await runsOn(await takesAGoodChange());
    });
  });
});

/** All threads of its first process are stopped, also those that had a system call to end. */
function standsStill({ pid }: ContainerRole): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((thread) => /\) T /.test(readFileSync(`${tasks}/${thread}/stat`, 'utf8')));
}
