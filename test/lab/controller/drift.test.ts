/** What somebody else changes in an LB pod is put right, told and counted, and nothing beside it is touched. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { virtualServiceTemplate } from '../../../controller/templates/defaults.ts';
import { waitFor } from '../../../lab/lab.ts';
import { type IpvsTable, readConnectionCounts, readIpvs } from './ipvs-table.ts';
import {
  counters,
  keepalivedPids,
  logLength,
  logLines,
  openStation,
  prefix,
  type Station,
} from './station.ts';

const mendMs = 60_000;

interface Break {
  title: string;
  commands: (servers: string[]) => string[][];
  event: 'drift' | 'network';
  /** What the log line must say. */
  words: RegExp;
  /** Entries of IPVS that the break itself takes away: their counters begin at 0 again. */
  loses: 'all' | 'first server' | 'none';
}

const breaks: Break[] = [
  {
    title: 'ipvsadm -C',
    commands: () => [['ipvsadm', '-C']],
    event: 'drift',
    words: /FWM 1 is missing/,
    loses: 'all',
  },
  {
    title: 'one server deleted',
    commands: ([first = '']) => [['ipvsadm', '-d', '-f', '1', '-r', first]],
    event: 'drift',
    words: /FWM 1 -> \S+:8080 is missing/,
    loses: 'first server',
  },
  {
    title: 'a weight changed',
    commands: ([first = '']) => [['ipvsadm', '-e', '-f', '1', '-r', first, '-m', '-w', '77', '-x', '20000']],
    event: 'drift',
    words: /has weight 77 instead of 1/,
    loses: 'none',
  },
  {
    title: 'a threshold changed',
    commands: ([first = '']) => [['ipvsadm', '-e', '-f', '1', '-r', first, '-m', '-w', '1', '-x', '5']],
    event: 'drift',
    words: /upper threshold 5 instead of 20000/,
    loses: 'none',
  },
  {
    title: 'another scheduler',
    commands: () => [['ipvsadm', '-E', '-f', '1', '-s', 'rr']],
    event: 'drift',
    words: /scheduler rr instead of lc/,
    loses: 'none',
  },
  {
    title: 'a foreign server added',
    commands: () => [['ipvsadm', '-a', '-f', '1', '-r', '10.42.9.9:80', '-m']],
    event: 'drift',
    words: /10\.42\.9\.9:80 is not a server of the Service/,
    loses: 'none',
  },
  {
    title: 'foreign services added',
    // In one shell: they are taken away between two commands.
    commands: () => [
      [
        'sh',
        '-c',
        'ipvsadm -A -f 77 -s rr; ipvsadm -A -t 10.42.1.200:99 -s rr; ipvsadm -a -t 10.42.1.200:99 -r 10.42.9.9:80 -m || true',
      ],
    ],
    event: 'drift',
    words: /FWM 77 is not ours|10\.42\.1\.200:99 is not ours/,
    loses: 'none',
  },
  {
    title: 'the packet rules removed',
    commands: () => [['sh', '-c', 'nft delete table ip portable_lb || iptables-legacy -t mangle -F']],
    event: 'network',
    words: /packet rules/,
    loses: 'none',
  },
  {
    title: 'the local route removed',
    commands: () => [['ip', 'route', 'del', 'local', prefix, 'dev', 'eth0', 'table', 'local']],
    event: 'network',
    words: /local route 203\.0\.113\.0\/28 dev eth0 was missing: added/,
    loses: 'none',
  },
];

describe('drift of the rules @both', function () {
  this.timeout(240_000);
  let station: Station;
  let wanted: IpvsTable;
  let network: string;
  let places: string[];

  before(async () => {
    station = await openStation();
    await station.client.requests({ urls: [station.service.url()], count: 30 });
    wanted = await readIpvs(station.pod);
    network = await readNetwork(station);
    places = Object.keys(wanted['FWM 1']?.servers ?? {});
    expect(wanted).to.deep.equal({
      'FWM 1': {
        scheduler: 'lc',
        servers: Object.fromEntries(station.service.servers.map(({ address }) => [`${address}:8080`, 1])),
      },
    });
    expect(network).to.match(/203\.0\.113\.0\/28/);
  });
  after(() => station?.lab.close());

  for (const { title, commands, event, words, loses } of breaks) {
    it(`${title}: put right, told, counted, nothing else touched`, async () => {
      const { pod, client, service } = station;
      await client.requests({ urls: [service.url()], count: 9 });
      const before = await counters(pod);
      // The kernel sums its counters up every two seconds.
      const connections = await waitFor(
        'connections of every server',
        async () => {
          const counts = await readConnectionCounts(pod);
          return Object.values(counts).every((count) => count > 0)
            ? counts
            : { notYet: JSON.stringify(counts) };
        },
        { deadlineMs: mendMs, everyMs: 100 },
      );
      const from = logLength(pod);
      for (const command of commands(places)) await pod.exec(command);
      await waitFor(
        'the log line',
        () => logLines(pod, from).some((line) => line.event === event && words.test(line.msg)),
        { deadlineMs: mendMs },
      );
      await waitUntilWanted();
      const lines = logLines(pod, from);
      expect(lines.filter((line) => line.event !== event).map((line) => line.msg)).to.deep.equal([]);
      const counted = await counters(pod);
      expect(counted.reloads, 'reloads').to.equal(before.reloads);
      if (event === 'drift') expect(counted.drift).to.be.greaterThan(before.drift);
      else expect(counted.mended).to.be.greaterThan(before.mended);
      const kept = await readConnectionCounts(pod);
      for (const [place, count] of Object.entries(connections)) {
        const isLost = loses === 'all' || (loses === 'first server' && place === `FWM 1 ${places[0]}`);
        if (!isLost) expect(kept[place], place).to.be.at.least(count);
      }
      const report = await client.requests({ urls: [service.url()], count: 6 });
      expect(report.failed).to.deep.equal([]);
    });
  }

  // Three crashes and not nine: keepalived is started again after a pause that doubles.
  for (const together of [
    ['ipvsadm -C'],
    ['a weight changed', 'a foreign server added', 'foreign services added'],
    ['one server deleted', 'the packet rules removed', 'the local route removed'],
  ]) {
    it(`${together.join(', ')}, and keepalived killed at the same moment`, async () => {
      const { pod, client, service } = station;
      const { parent } = keepalivedPids(pod);
      const from = logLength(pod);
      process.kill(parent, 'SIGKILL');
      for (const title of together) {
        const commands = breaks.find((each) => each.title === title)?.commands(places) ?? [];
        for (const command of commands) await pod.exec(command);
      }
      await waitFor('keepalived to be started again', () => keepalivedPids(pod).parent !== parent, {
        deadlineMs: mendMs,
      });
      await waitUntilWanted();
      const lines = logLines(pod, from);
      expect(lines.filter((line) => line.event === 'keepalived-died')).to.have.length(1);
      expect(lines.filter((line) => line.event === 'lease')).to.deep.equal([]);
      expect(pod.lease()?.announce).to.equal(true);
      const report = await client.requests({ urls: [service.url()], count: 6 });
      expect(report.failed).to.deep.equal([]);
    });
  }

  it('a sysctl changed, which a container may not write: told with the remedy, and no lease until it is right', async () => {
    const { pod, client, service } = station;
    const from = logLength(pod);
    const leaseSays = (announce: boolean) =>
      waitFor(`a lease that says ${announce ? 'yes' : 'no'}`, () => pod.lease()?.announce === announce, {
        deadlineMs: mendMs,
      });
    await pod.sysctl({ 'net.ipv4.ip_forward': 0 });
    await leaseSays(false);
    const told = logLines(pod, from).filter(({ level }) => level === 'error');
    expect(told).to.have.length(1);
    expect(told[0]?.msg).to.match(/net\.ipv4\.ip_forward is 0.*sysctl -w net\.ipv4\.ip_forward=1/);
    await pod.sysctl({ 'net.ipv4.ip_forward': 1 });
    await leaseSays(true);
    const report = await client.requests({ urls: [service.url()], count: 6 });
    expect(report.failed).to.deep.equal([]);
  });

  async function waitUntilWanted() {
    await waitFor(
      'IPVS and the network to be as they were',
      async () => {
        const [ipvs, net] = [await readIpvs(station.pod), await readNetwork(station)];
        const same = JSON.stringify(sorted(ipvs)) === JSON.stringify(sorted(wanted)) && net === network;
        return same || { notYet: `${JSON.stringify(ipvs)}\n${net}` };
      },
      { deadlineMs: mendMs, everyMs: 100 },
    );
  }
});

describe('drift of what a template chose @both', function () {
  this.timeout(240_000);
  let station: Station;

  before(async () => {
    station = await openStation();
  });
  after(() => station?.lab.close());

  it('ipvsadm -C: the virtual service comes back with its flags, its persistence and its netmask', async () => {
    const { pod, service } = station;
    const servicesAre = (what: string, wanted: string) =>
      waitFor(
        what,
        async () => {
          const lines = (await pod.exec(['ipvsadm', '-S', '-n'])).split('\n');
          const services = lines.filter((line) => line.startsWith('-A')).join('; ');
          return services === wanted || { notYet: services };
        },
        { deadlineMs: mendMs, everyMs: 100 },
      );
    await service.updateTemplates({
      'virtual-service.conf.hbs': virtualServiceTemplate.text.replace(
        'lb_algo {{scheduler}}',
        'lb_algo sh\n    sh-port\n    persistence_timeout 3600\n    persistence_granularity 255.255.255.0',
      ),
    });
    const wanted = '-A -f 1 -s sh -p 3600 -M 255.255.255.0 -b sh-port';
    await servicesAre('the virtual service as keepalived makes it', wanted);
    const from = logLength(pod);
    await pod.exec(['ipvsadm', '-C']);
    await servicesAre('the same again', wanted);
    await waitFor('the log line', () => logLines(pod, from).some(({ event }) => event === 'drift'), {
      deadlineMs: mendMs,
    });
    const { drift } = await counters(pod);
    await sleep(3000);
    expect((await counters(pod)).drift, 'repairs, once it is as wanted').to.equal(drift);
    await pod.exec(['ipvsadm', '-E', '-f', '1', '-s', 'sh', '-p', '360', '-b', 'sh-fallback']);
    await servicesAre('the same after a change', wanted);
  });
});

function sorted(table: IpvsTable) {
  return Object.keys(table)
    .sort()
    .map((key) => [key, table[key]?.scheduler, Object.entries(table[key]?.servers ?? {}).sort()]);
}

/** Mark rules, local routes and sysctls as text without counters. */
async function readNetwork({ pod }: Station): Promise<string> {
  const rules = 'nft -s list table ip portable_lb 2>/dev/null || iptables-legacy-save';
  const text = await pod.exec([
    'sh',
    '-c',
    `{ ${rules}; } | grep -v '^#' | sed 's/\\[[0-9]*:[0-9]*\\]//'; ip route show table local`,
  ]);
  return text.trim();
}
