/** A node whose kernel has no IPVS: told with the remedy, nothing announced; once it is loaded, all comes by itself. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { modulesToLoad } from '../../../lab/kernel/modules.ts';
import { waitFor } from '../../../lab/lab.ts';
import { logLines, openStation, type Station } from './station.ts';

const deadlineMs = 60_000;
const sysctls = ['conntrack', 'expire_nodest_conn', 'conn_reuse_mode', 'sloppy_tcp'].map(
  (name) => `net.ipv4.vs.${name}`,
);
const modules = modulesToLoad.filter((name) => name.startsWith('ip_vs'));

/** The modules of the packaged kernel; the latest has IPVS built in. */
function load(): void {
  const at = '/run/ipvs-modules';
  const here = join(at, 'lib/modules', release());
  mkdirSync(here, { recursive: true });
  execFileSync('mount', ['--bind', process.env.LAB_MODULES ?? '', here]);
  try {
    execFileSync('modprobe', ['-d', at, '-a', ...modules, 'xt_ipvs']);
  } finally {
    execFileSync('umount', [here]);
  }
}

if (process.env.LAB_KERNEL === '6.1')
  describe('a kernel without IPVS @both', function () {
    this.timeout(240_000);
    let station: Station | undefined;

    before(() => {
      execFileSync('rmmod', ['xt_ipvs', ...modules.filter((name) => name !== 'ip_vs'), 'ip_vs']);
    });
    after(async () => {
      await station?.lab.close();
      load();
    });

    it('is told once with the remedy, the LB pod neither announced nor restarted; IPVS that comes later is used', async () => {
      station = await openStation({
        ready: 'not awaited',
        lbPod: { sysctls: Object.fromEntries(sysctls.map((name) => [name, null])) },
      });
      const { pod, client, service } = station;
      const complaints = () =>
        logLines(pod)
          .filter(({ level }) => level === 'error')
          .map(({ msg }) => msg);
      await waitFor(
        'word of IPVS',
        () =>
          complaints().some((msg) => /this kernel has no IPVS .*modprobe ip_vs/.test(msg)) || {
            notYet: complaints().join('\n'),
          },
        { deadlineMs },
      );
      expect(pod.lease()?.announce ?? false).to.equal(false);
      expect(pod.isReady).to.equal(false);
      expect(pod.controller.restarts).to.equal(0);
      const told = complaints();
      expect(new Set(told).size, told.join('\n')).to.equal(told.length);
      load();
      await pod.sysctl({ 'net.ipv4.vs.conntrack': 1, 'net.ipv4.vs.expire_nodest_conn': 1 });
      await pod.ready(deadlineMs);
      const report = await client.requests({ urls: [service.url()], count: 5 });
      expect(report.failed).to.deep.equal([]);
      expect(pod.controller.restarts).to.equal(0);
    });
  });
