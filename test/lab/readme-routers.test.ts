/**
 * The configuration of routers that README.md shows (and the charts' NOTES print), on real BIRD and FRR: two LB pods'
 * next-hops become one route of the kernel, nothing else is taken, and nothing is given to the reflectors.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { frrDaemon } from '../../lab/roles/frr.ts';
import { waitFor } from '../../lab/wait.ts';
import { openSegment, podIP as router, type Segment } from './bgp-sidecar/segment.ts';

const page = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
const nodes = ['10.9.0.1', '10.9.0.3'] as const;
const deadlineMs = 30_000;

/** README's block with the nodes' addresses of this segment. */
function blockOf(title: string): string {
  const [, block = ''] = new RegExp(`^\`\`\`\\n(${title}\\n[^]*?)\\n\`\`\`$`, 'm').exec(page) ?? [];
  expect(block).to.include('10.0.0.0/24');
  return block.replaceAll('10.0.0.0/24', '10.9.0.0/24');
}

/** Writes BIRD's file around README's block: what Debian's own has, but for its kernel protocol. */
function startBird(segment: Segment): void {
  const file = join(segment.directory, 'bird.conf');
  const ours = 'protocol static ours { ipv4; route 192.0.2.0/24 blackhole; }';
  const debian = 'protocol device { }\nprotocol direct { disabled; ipv4; ipv6; }';
  writeFileSync(file, `router id ${router};\n${debian}\n${ours}\n${blockOf('# BIRD 2')}\n`);
  segment.start('pod', 'bird', ['bird', '-f', '-c', file, '-s', join(segment.directory, 'bird.ctl')]);
}

async function startFrr(segment: Segment): Promise<void> {
  const directory = join(segment.directory, 'frr');
  mkdirSync(directory);
  mkdirSync('/run/frr', { recursive: true });
  const file = join(directory, 'bgpd.conf');
  const ours = 'router bgp 64512\n address-family ipv4 unicast\n  network 10.9.0.0/24\n';
  writeFileSync(file, `${blockOf('! FRR')}\n!\n${ours}`);
  execFileSync('chmod', ['755', segment.directory]);
  execFileSync('chown', ['-R', 'frr:frr', directory, '/run/frr']);
  const socket = join(directory, 'zserv.api');
  const start = (name: string, extra: string[]) =>
    segment.start('pod', name, frrDaemon(name, directory, extra));
  start('mgmtd', []);
  start('zebra', ['-z', socket]);
  const asked = ['vtysh', '--vty_socket', directory, '-c', 'show zebra client summary'];
  await waitFor('zebra', async () => (await segment.exec('pod', asked).catch(() => '')) !== '', {
    deadlineMs,
  });
  start('bgpd', ['-z', socket, '-f', file]);
}

/** The chart's reflector on its node: it calls the router and gives it every path. */
async function startReflector(segment: Segment): Promise<(...question: string[]) => Promise<string>> {
  const file = join(segment.directory, 'gobgpd.toml');
  writeFileSync(
    file,
    `[global.config]
as = 64512
router-id = "10.42.1.2"
port = -1
[[neighbors]]
[neighbors.config]
neighbor-address = "${router}"
peer-as = 64512
[neighbors.timers.config]
hold-time = 9
connect-retry = 1
[neighbors.transport.config]
local-address = "${nodes[0]}"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[neighbors.afi-safis.add-paths.config]
send-max = 8
`,
  );
  segment.start('peers', 'gobgpd', ['gobgpd', '-t', 'toml', '-f', file, '--log-plain']);
  const ask = (...question: string[]) => segment.exec('peers', ['gobgp', ...question]);
  await waitFor('the reflector', async () => (await ask('global').catch(() => '')) !== '', { deadlineMs });
  for (const [index, node] of nodes.entries())
    for (const prefix of ['203.0.113.0/28', '198.51.100.0/28'])
      await ask('global', 'rib', 'add', prefix, 'nexthop', node, 'identifier', String(index + 1));
  return ask;
}

describe('the router configuration of README.md', () => {
  let segment: Segment;
  beforeEach(async () => {
    segment = await openSegment([...nodes]);
  });
  afterEach(() => segment.close());

  for (const [name, start] of [
    ['BIRD', startBird],
    ['FRR', startFrr],
  ] as const) {
    it(`${name}: one route with a next-hop for each node, nothing else taken, nothing given`, async () => {
      await start(segment);
      const ask = await startReflector(segment);
      const routes = () => segment.exec('pod', ['ip', 'route']);
      const wanted = new RegExp(
        `203\\.0\\.113\\.0/28 .*\\n${nodes.map((at) => `\\s+nexthop via ${at} .*\\n`).join('')}`,
      );
      await waitFor(
        'the route with two next-hops',
        async () => {
          const seen = `${await routes()}\n${await ask('neighbor')}`;
          return wanted.test(seen) || { notYet: seen };
        },
        { deadlineMs, everyMs: 200 },
      );
      expect(await routes()).to.not.include('198.51.100');
      expect(await ask('neighbor', router, 'adj-in')).to.match(/^Network not in table/);
    });
  }
});
