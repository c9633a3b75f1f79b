/** Bad input on a live pair: one clear message, what ran runs on, and a good change afterwards is taken. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { virtualServiceTemplate } from '../../../controller/templates/defaults.ts';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { toYaml } from '../../../lab/yaml.ts';
import { type IpvsTable, readIpvs } from './ipvs-table.ts';
import { logLength, logLines, openStation, prefix, type Station } from './station.ts';

const deadlineMs = 60_000;

describe('bad input', function () {
  this.timeout(240_000);
  let station: Station;
  let weight = 1;
  let routeChanges = 0;

  before(async () => {
    station = await openStation({ routes: 'announced', settings: { healthCheck: { type: 'none' } } });
    routeChanges = station.router.history(prefix).length;
  });
  after(() => station?.lab.close());

  /** Lines of level error or warn about what was given. */
  const complaints = (from: number, pod: LabLbPod = station.pod) =>
    logLines(pod, from).filter(({ level }) => level === 'error' || level === 'warn');

  const complaint = (from: number, words: RegExp) =>
    waitFor(
      `a message like ${words}`,
      () =>
        complaints(from).find(({ msg }) => words.test(msg))?.msg ?? {
          notYet: complaints(from)
            .map(({ msg }) => msg)
            .join('\n'),
        },
      { deadlineMs },
    );

  /** IPVS as it was, the lease renewed and saying yes, the route where it was, requests answered. */
  async function runsOn(before: IpvsTable) {
    const { pod, client, service, router, node } = station;
    expect(await readIpvs(pod)).to.deep.equal(before);
    const { renewedAtMs } = pod.lease() ?? {};
    await waitFor('a new lease that says yes', () => {
      const lease = pod.lease();
      return (
        (lease?.announce === true && lease.renewedAtMs !== renewedAtMs) || { notYet: JSON.stringify(lease) }
      );
    });
    const report = await client.requests({
      urls: [service.url(1), service.url(9)],
      count: 6,
      timeoutMs: 30_000,
    });
    expect(report.failed).to.deep.equal([]);
    expect(router.history(prefix).length, 'changes of the route').to.equal(routeChanges);
    expect(router.nextHops(prefix)).to.deep.equal([node.address]);
  }

  /** The settings, good again and with another weight, reach the kernel. */
  async function takesAGoodChange() {
    weight++;
    await station.service.updateSettings({ realServer: { weight } });
    await waitFor(
      `weight ${weight} everywhere`,
      async () => {
        const servers = Object.values((await readIpvs(station.pod))['FWM 1']?.servers ?? {});
        return `${servers}` === `${[weight, weight, weight]}` || { notYet: `${servers}` };
      },
      { deadlineMs, everyMs: 100 },
    );
  }

  const settingsCases: [title: string, change: string | Record<string, unknown>, words: RegExp][] = [
    ['broken YAML', 'service: { name: web\nvip: [', /settings\.yaml/],
    ['an unknown field', { shedule: 'rr' }, /settings\.yaml.*shedule/],
    [
      'a prefix with host bits',
      { vip: { prefixes: ['203.0.113.1/28'] } },
      /vip\.prefixes.*"203\.0\.113\.1\/28".*host bits.*accepted/s,
    ],
    [
      'prefixes that overlap',
      { vip: { prefixes: ['203.0.113.0/28', '203.0.113.8/29'] } },
      /vip\.prefixes.*overlaps.*accepted/s,
    ],
    [
      'an IPv6 prefix',
      { vip: { prefixes: ['2001:db8::/64'] } },
      /vip\.prefixes.*IPv6, which is not served yet/s,
    ],
    [
      'a prefix with the own address in it',
      { vip: { prefixes: ['10.42.0.0/16'] } },
      /vip\.prefixes: 10\.42\.0\.0\/16 contains the pod's own address/,
    ],
    [
      'a scheduler that the kernel lacks',
      { scheduler: 'nosuch' },
      /scheduler.*nosuch.*modprobe|ip_vs_nosuch/s,
    ],
    [
      'another Service',
      { service: { name: 'other' } },
      /serves default\/web and cannot change to default\/other/,
    ],
    ['a weight that is none', { realServer: { weight: -1 } }, /realServer\.weight.*accepted/s],
  ];
  for (const [title, change, words] of settingsCases) {
    it(`settings: ${title}`, async () => {
      const { pod, service } = station;
      const before = await readIpvs(pod);
      const from = logLength(pod);
      if (typeof change === 'string') await pod.writeSettingsText(change);
      else await pod.writeSettingsText(toYaml({ ...withoutNull(pod.settings), ...change }));
      await complaint(from, words);
      await runsOn(before);
      expect(complaints(from).map(({ msg }) => msg)).to.have.length(1);
      await takesAGoodChange();
      expect(service.settings).to.not.have.property('shedule');
    });
  }

  const templateCases: [title: string, text: string, words: RegExp][] = [
    ['that is not Handlebars', '{{#each realServers}}', /virtual-service\.conf\.hbs.*Handlebars/s],
    ['that throws', `${virtualServiceTemplate.text}{{nosuch}}`, /virtual-service\.conf\.hbs.*nosuch/s],
    ['that renders nothing', ' ', /virtual-service\.conf\.hbs.*no "virtual_server fwmark 1"/s],
    [
      'that keepalived refuses',
      virtualServiceTemplate.text.replace('    delay_loop', '    no_such_keyword 1\n    delay_loop'),
      /keepalived refuses.*no_such_keyword/s,
    ],
  ];
  for (const [title, text, words] of templateCases) {
    it(`template: one ${title}`, async () => {
      const { pod, service } = station;
      const before = await readIpvs(pod);
      const from = logLength(pod);
      await service.updateTemplates({ 'virtual-service.conf.hbs': text });
      await complaint(from, words);
      await runsOn(before);
      expect(complaints(from).map(({ msg }) => msg)).to.have.length(1);
      await service.updateTemplates({ 'virtual-service.conf.hbs': undefined });
      await takesAGoodChange();
    });
  }

  it('template: a good one is taken live', async () => {
    const { pod, service } = station;
    const text = virtualServiceTemplate.text.replace('lb_algo {{scheduler}}', 'lb_algo wrr');
    await service.updateTemplates({ 'virtual-service.conf.hbs': text });
    const schedulerIs = (wanted: string) =>
      waitFor(`scheduler ${wanted}`, async () => (await readIpvs(pod))['FWM 1']?.scheduler === wanted, {
        deadlineMs,
      });
    await schedulerIs('wrr');
    await service.updateTemplates({ 'virtual-service.conf.hbs': undefined });
    await schedulerIs('lc');
    await runsOn(await readIpvs(pod));
  });

  it('manifests: one cut short, and one that is none', async () => {
    const { pod, service } = station;
    const before = await readIpvs(pod);
    const slices = readFileSync(join(service.manifestsDir, 'slices.yaml'), 'utf8');
    let from = logLength(pod);
    await service.writeManifest('slices.yaml', slices.slice(0, slices.lastIndexOf('addresses') + 5));
    await complaint(from, /slices\.yaml/);
    await runsOn(before);
    await service.setEndpoints(undefined);
    from = logLength(pod);
    await service.writeManifest(
      'service.yaml',
      'apiVersion: v1\nkind: Service\nmetadata: { name: 7 }\nspec: []\n',
    );
    await complaint(from, /service\.yaml/);
    await runsOn(before);
    expect(complaints(from).map(({ msg }) => msg)).to.have.length(1);
    await service.setPorts(service.ports);
    await takesAGoodChange();
  });

  it('a full disk under the run directory: what runs stays, the change comes when there is room', async () => {
    const { pod, service } = station;
    const before = await readIpvs(pod);
    const from = logLength(pod);
    const fill = 'mount -o remount,size=1m /run && { dd if=/dev/zero of=/run/fill bs=4k 2>/dev/null; true; }';
    await pod.controller.exec(['sh', '-c', fill]);
    await service.updateSettings({ realServer: { weight: 50 } });
    await complaint(from, /\/run\/keepalived\S* cannot be written \(.*make room/);
    await runsOn(before);
    await pod.controller.exec(['rm', '/run/fill']);
    await waitFor(
      'the change',
      async () => Object.values((await readIpvs(pod))['FWM 1']?.servers ?? {})[0] === 50,
      {
        deadlineMs,
      },
    );
    expect(complaints(from).map(({ msg }) => msg)).to.have.length(1);
    await takesAGoodChange();
  });

  it('a torn lease: the sidecar goes by the last good one', async () => {
    const { pod } = station;
    const before = await readIpvs(pod);
    const stop = performance.now() + 3000;
    // The controller writes a good one each second: in between it is torn again and again.
    while (performance.now() < stop)
      await pod.controller.exec(['sh', '-c', `printf '{"version":1,"pod' >/run/portable-lb/lease.json`]);
    await runsOn(before);
    expect(pod.speakerState())
      .to.have.property('prefixes')
      .that.deep.equals({ [prefix]: 'announced' });
  });

  it('10,000 endpoints', async () => {
    const { pod, service, client } = station;
    const own = service.servers.map(({ endpoint }) => endpoint);
    const from = logLength(pod);
    const startedAtMs = performance.now();
    await service.setEndpoints([
      ...own,
      ...Array.from({ length: 10_000 - own.length }, (_, n) => ({
        address: `10.${100 + (n >> 14)}.${(n >> 7) & 127}.${1 + (n & 127)}`,
        ready: false,
      })),
    ]);
    const line = await pod.controller.waitForLog(/"event":"reload"/, {
      deadlineMs: 180_000,
      sinceOffset: from,
    });
    const tookMs = performance.now() - startedAtMs;
    const table = await readIpvs(pod);
    expect(Object.keys(table['FWM 1']?.servers ?? {})).to.have.length(10_000);
    const report = await client.requests({ urls: [service.url()], count: 10, timeoutMs: 30_000 });
    expect(report.failed).to.deep.equal([]);
    const { totalMs } = JSON.parse(line);
    console.log(
      `    10,000 endpoints: ${(tookMs / 1000).toFixed(1)} s, the reload ${(totalMs / 1000).toFixed(1)} s`,
    );
    await service.setEndpoints(undefined);
    await waitFor(
      'three servers again',
      async () => Object.keys((await readIpvs(pod))['FWM 1']?.servers ?? {}).length === 3,
      {
        deadlineMs: 180_000,
        everyMs: 500,
      },
    );
    expect(pod.lease()?.announce).to.equal(true);
    const told = logLines(pod, from).filter(({ event }) => event === 'lease' || event === 'drift');
    expect(told.map(({ msg }) => msg)).to.deep.equal([]);
  });

  it('without NET_ADMIN, and without a sysctl: told with the remedy, not announced, not restarted', async () => {
    const { lab, service, node } = station;
    const [bare, still] = (await Promise.all([
      lab.addLbPod({ service, node, controllerCapabilities: [] }),
      lab.addLbPod({ service, node, sysctls: { 'net.ipv4.ip_forward': 0 } }),
    ])) as [LabLbPod, LabLbPod];
    const words = /NET_ADMIN.*capabilities/s;
    await waitFor('word of the capability', () => complaints(0, bare).some(({ msg }) => words.test(msg)), {
      deadlineMs,
    });
    const remedy = /net\.ipv4\.ip_forward is 0.*sysctl -w net\.ipv4\.ip_forward=1.*securityContext\.sysctls/s;
    await waitFor('word of the sysctl', () => complaints(0, still).some(({ msg }) => remedy.test(msg)), {
      deadlineMs,
    });
    for (const pod of [bare, still]) {
      expect(pod.lease()?.announce ?? false).to.equal(false);
      expect(pod.isReady).to.equal(false);
      expect(pod.controller.restarts).to.equal(0);
      const told = complaints(0, pod).map(({ msg }) => msg);
      expect(new Set(told).size, told.join('\n')).to.equal(told.length);
    }
    await Promise.all([bare.kill(), still.kill()]);
  });

  it('the wall clock an hour forth and back: neither lease nor route notices, changes are taken', async function () {
    if (process.env.LAB_KERNEL === 'host') return this.skip();
    const { pod } = station;
    const before = await readIpvs(pod);
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
        await runsOn(await readIpvs(pod));
        await takesAGoodChange();
        expect(pod.lease()?.announce).to.equal(true);
      }
      // A timer of the wall clock would stand still now: the peers would miss its keepalives for the hold time of 9 s.
      const back = performance.now();
      await waitFor('the hold time and more', () => performance.now() - back > 10_000, {
        deadlineMs: 20_000,
      });
      await runsOn(await readIpvs(pod));
    } finally {
      setClock(0);
    }
    expect(Object.keys(before)).to.deep.equal(Object.keys(await readIpvs(pod)));
    expect(logLines(pod, from).filter(({ event }) => event === 'lease')).to.deep.equal([]);
  });
});

function withoutNull(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
}
