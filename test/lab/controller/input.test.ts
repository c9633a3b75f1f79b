/** Bad input on a live pair: one clear message, what ran runs on, and a good change afterwards is taken. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { virtualServiceTemplate } from '../../../controller/templates/defaults.ts';
import { waitFor } from '../../../lab/lab.ts';
import { toYaml } from '../../../lab/yaml.ts';
import { readIpvs } from './ipvs-table.ts';
import { type LivePair, openLivePair } from './live-pair.ts';
import { logLength, logLines } from './station.ts';

const deadlineMs = 60_000;

describe('bad input', function () {
  this.timeout(240_000);
  let pair: LivePair;

  before(async () => {
    pair = await openLivePair();
  });
  after(() => pair?.lab.close());

  const settingsCases: [
    title: string,
    change: string | undefined | Record<string, unknown>,
    words: RegExp,
  ][] = [
    [
      'a file that ends in the middle of a line',
      'service: { name: web\nvip: [',
      /settings\.yaml: looks half-written/,
    ],
    [
      'broken YAML',
      'service: { name: web\nvip: [\n',
      /settings\.yaml:\d+(:\d+)?: is not valid YAML.*mend it there/s,
    ],
    ['a file that is gone', undefined, /settings\.yaml: the settings file does not exist; create it/],
    [
      'an unknown field',
      { shedule: 'rr' },
      /settings\.yaml: .*unknown field "shedule"; accepted: service, vip/,
    ],
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
      /scheduler nosuch is not in this kernel.*modprobe ip_vs_nosuch/s,
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
      const { pod, complaint, complaints, runsOn, takesAGoodChange } = pair;
      const before = await readIpvs(pod);
      const from = logLength(pod);
      if (typeof change !== 'object') await pod.writeSettingsText(change);
      else await pod.writeSettingsText(toYaml({ ...withoutNull(pod.settings), ...change }));
      await complaint(from, words);
      await runsOn(before);
      expect(complaints(from)).to.have.length(1);
      await takesAGoodChange();
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
      const { pod, service, complaint, complaints, runsOn, takesAGoodChange } = pair;
      const before = await readIpvs(pod);
      const from = logLength(pod);
      await service.updateTemplates({ 'virtual-service.conf.hbs': text });
      await complaint(from, words);
      await runsOn(before);
      expect(complaints(from)).to.have.length(1);
      await service.updateTemplates({ 'virtual-service.conf.hbs': undefined });
      await takesAGoodChange();
    });
  }

  it('template: a good one is taken live', async () => {
    const { pod, service, runsOn } = pair;
    const before = await readIpvs(pod);
    const text = virtualServiceTemplate.text.replace('lb_algo {{scheduler}}', 'lb_algo wrr');
    await service.updateTemplates({ 'virtual-service.conf.hbs': text });
    const schedulerIs = (wanted: string) =>
      waitFor(`scheduler ${wanted}`, async () => (await readIpvs(pod))['FWM 1']?.scheduler === wanted, {
        deadlineMs,
      });
    await schedulerIs('wrr');
    await service.updateTemplates({ 'virtual-service.conf.hbs': undefined });
    await schedulerIs('lc');
    await runsOn(before);
  });

  it('manifests: one cut short, and one that is none', async () => {
    const { pod, service, complaint, complaints, runsOn, takesAGoodChange } = pair;
    const before = await readIpvs(pod);
    const slices = readFileSync(join(service.manifestsDir, 'slices.yaml'), 'utf8');
    let from = logLength(pod);
    await service.writeManifest('slices.yaml', slices.slice(0, slices.lastIndexOf('addresses') + 5));
    await complaint(from, /slices\.yaml/);
    await runsOn(before);
    expect(complaints(from)).to.have.length(1);
    await service.setEndpoints(undefined);
    from = logLength(pod);
    await service.writeManifest(
      'service.yaml',
      'apiVersion: v1\nkind: Service\nmetadata: { name: 7 }\nspec: []\n',
    );
    await complaint(from, /service\.yaml/);
    await runsOn(before);
    expect(complaints(from)).to.have.length(1);
    await service.setPorts(service.ports);
    await takesAGoodChange();
  });

  it('manifests: a port whose name resolves to nothing, then one without endpoints, beside one that is served', async () => {
    const { pod, service, client, complaint, complaints, runsOn, takesAGoodChange } = pair;
    const before = await readIpvs(pod);
    const [server] = service.servers;
    const late = (addresses: (string | undefined)[]) =>
      toYaml({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'late', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ name: 'late', protocol: 'TCP', port: 8080 }],
        endpoints: addresses.map((address) => ({ addresses: [address] })),
      });
    let from = logLength(pod);
    await service.writeManifest(
      'service.yaml',
      toYaml({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: {
          ports: [
            { name: 'web', port: 80 },
            { name: 'late', port: 81, targetPort: 'late' },
          ],
        },
      }),
    );
    await complaint(from, /port TCP\/81, name "late", is in none of its EndpointSlices: the name must be/);
    await runsOn(before);
    expect(complaints(from)).to.have.length(1);
    expect(await client.connect('203.0.113.1', 81, 10_000)).to.equal('refused');
    from = logLength(pod);
    await service.writeManifest('late.yaml', late([]));
    await complaint(from, /port TCP\/81 has no endpoints, nothing answers on it/);
    await runsOn(before);
    expect(complaints(from)).to.have.length(1);
    from = logLength(pod);
    await service.writeManifest('late.yaml', late([server?.address]));
    await waitFor(
      'the port to be served',
      async () => (await client.connect('203.0.113.1', 81, 10_000)) === 'open',
      { deadlineMs },
    );
    const report = await client.requests({ urls: [service.url(1, { port: 81 })], count: 3 });
    expect(Object.keys(report.perServer)).to.deep.equal([server?.name]);
    expect(complaints(from)).to.deep.equal([]);
    await service.writeManifest('late.yaml', undefined);
    await service.setPorts(service.ports);
    await waitFor('one port', async () => Object.keys(await readIpvs(pod)).length === 1, { deadlineMs });
    await takesAGoodChange();
  });

  it('manifests: an address that IPVS refuses, beside good ones', async () => {
    const { pod, service, complaint, complaints, runsOn, takesAGoodChange } = pair;
    const before = await readIpvs(pod);
    // Where the pod has a subnet of its own on eth0, its broadcast address is nobody's.
    const [interfaces] = JSON.parse(await pod.exec(['ip', '-json', 'address', 'show', 'dev', 'eth0']));
    const { local, prefixlen } = interfaces.addr_info.find(
      ({ family }: { family: string }) => family === 'inet',
    );
    expect(prefixlen, 'the prefix length of the pod').to.equal(24);
    const broadcast = local.replace(/\d+$/, '255');
    const from = logLength(pod);
    await service.setEndpoints(
      [...service.servers.map(({ address }) => address), broadcast].map((address) => ({
        address,
        ready: true,
      })),
    );
    await complaint(from, new RegExp(`left out: .*${broadcast}:8080.*its address is that of no host`));
    await runsOn(before);
    await sleep(5000);
    await runsOn(before);
    const told = complaints(from).filter((msg) => msg.includes(`${broadcast}:8080`));
    expect(told.filter((msg) => /left out/.test(msg))).to.have.length(1);
    expect(logLines(pod, from).filter(({ event }) => event === 'lease')).to.deep.equal([]);
    await service.setEndpoints(undefined);
    await takesAGoodChange();
  });

  it('10,000 endpoints, all of which serve', async () => {
    const { pod, service, client, node } = pair;
    const [server] = service.servers;
    const crowd = '10.100.0.0/16';
    await server?.exec(['ip', 'route', 'add', 'local', crowd, 'dev', 'lo']);
    await node.exec(['ip', 'route', 'add', crowd, 'via', server?.address ?? '']);
    const from = logLength(pod);
    const startedAtMs = performance.now();
    await service.setEndpoints(
      Array.from({ length: 10_000 }, (_, n) => ({
        address: `10.100.${n >> 7}.${1 + (n & 127)}`,
        ready: true,
      })),
    );
    const line = await pod.controller.waitForLog(/"event":"reload"/, {
      deadlineMs: 180_000,
      sinceOffset: from,
    });
    const tookMs = performance.now() - startedAtMs;
    const table = await readIpvs(pod);
    const weights = Object.entries(table['FWM 1']?.servers ?? {}).filter(([place]) =>
      place.startsWith('10.100.'),
    );
    expect(weights).to.have.length(10_000);
    expect(weights.filter(([, held]) => held === 0)).to.deep.equal([]);
    const report = await client.requests({ urls: [service.url()], count: 50, timeoutMs: 30_000 });
    expect(report.failed).to.deep.equal([]);
    expect(Object.keys(report.perServer)).to.deep.equal([server?.name]);
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
});

function withoutNull(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
}
