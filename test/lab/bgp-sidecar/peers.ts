/** Route reflectors with dynamic neighbors, as the sidecar's peers: BIRD and GoBGP. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../../lab/wait.ts';
import type { Program, Segment } from './segment.ts';

export interface SeenRoute {
  prefix: string;
  nextHop: string;
  localPreference: number;
  communities: string[];
}

export interface BgpPeer {
  readonly address: string;
  readonly program: Program;
  routes(): Promise<SeenRoute[]>;
}

export interface PeerOptions {
  address: string;
  as?: number;
  routerId?: string;
  password?: string;
}

let counter = 0;

export async function startBird(
  segment: Segment,
  { address, as = 64512, routerId = address, password }: PeerOptions,
): Promise<BgpPeer> {
  const name = `bird-${++counter}`;
  const config = join(segment.directory, `${name}.conf`);
  const control = join(segment.directory, `${name}.ctl`);
  const session = as === 64512 ? 'internal; rr client' : 'external';
  writeFileSync(
    config,
    `log stderr all;
router id ${routerId};
protocol device {}
protocol bgp lb {
  debug { states, events };
  local ${address} as ${as};
  neighbor range 10.9.0.0/24 ${session};
  dynamic name "lb";
  strict bind;
  passive;
  error wait time 1, 2;
  ${password === undefined ? '' : `password "${password}";`}
  ipv4 { import all; export none; };
}
`,
  );
  const program = segment.start('peers', name, ['bird', '-f', '-c', config, '-s', control]);
  const ask = (...words: string[]) => segment.exec('peers', ['birdc', '-s', control, ...words]);
  await waitFor(`${name} to answer`, async () => (await ask('show', 'status')).includes('Daemon is up'), {
    deadlineMs: 30_000,
  });
  return { address, program, routes: async () => parseBird(await ask('show', 'route', 'all')) };
}

function parseBird(text: string): SeenRoute[] {
  const routes: SeenRoute[] = [];
  for (const line of text.split('\n')) {
    const prefix = /^(\d+\.\d+\.\d+\.\d+\/\d+)\s/.exec(line)?.[1];
    if (prefix !== undefined)
      routes.push({ prefix, nextHop: '', localPreference: Number.NaN, communities: [] });
    const route = routes.at(-1);
    // BIRD 2.0 writes "BGP.next_hop: x", 2.17 "bgp_next_hop: x"
    const [, name, value = ''] = /^\s+(?:BGP\.|bgp_)(\w+):\s*(.*)$/.exec(line) ?? [];
    if (route === undefined || name === undefined) continue;
    if (name === 'next_hop') route.nextHop = value;
    if (name === 'local_pref') route.localPreference = Number(value);
    if (name === 'community')
      route.communities = [...value.matchAll(/\((\d+), ?(\d+)\)/g)]
        .map(([, high, low]) => `${high}:${low}`)
        .sort();
  }
  return routes;
}

export async function startGobgp(
  segment: Segment,
  { address, as = 64512, routerId = address, password }: PeerOptions,
): Promise<BgpPeer> {
  const name = `gobgp-${++counter}`;
  const config = join(segment.directory, `${name}.toml`);
  const port = 50_051 + counter;
  writeFileSync(
    config,
    `[global.config]
  as = ${as}
  router-id = "${routerId}"
  local-address-list = ["${address}"]
[[peer-groups]]
  [peer-groups.config]
    peer-group-name = "lb"
    peer-as = ${as}
    ${password === undefined ? '' : `auth-password = "${password}"`}
  [peer-groups.timers.config]
    hold-time = 9
  [peer-groups.transport.config]
    passive-mode = true
  [peer-groups.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "${routerId}"
  [[peer-groups.afi-safis]]
    [peer-groups.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
[[dynamic-neighbors]]
  [dynamic-neighbors.config]
    prefix = "10.9.0.0/24"
    peer-group = "lb"
`,
  );
  const program = segment.start('peers', name, ['gobgpd', '-f', config, '--api-hosts', `127.0.0.1:${port}`]);
  const ask = (...words: string[]) => segment.exec('peers', ['gobgp', '-p', String(port), '-j', ...words]);
  await waitFor(`${name} to answer`, async () => (await ask('global')).includes('{'), { deadlineMs: 30_000 });
  return { address, program, routes: async () => parseGobgp(await ask('global', 'rib')) };
}

interface GobgpPath {
  nlri: { prefix: string };
  attrs: { type: number; nexthop?: string; value?: number; communities?: number[] }[];
}

function parseGobgp(text: string): SeenRoute[] {
  const tables = JSON.parse(text) as Record<string, GobgpPath[]>;
  return Object.values(tables)
    .flat()
    .map(({ nlri, attrs }) => {
      const communities = attrs.find(({ type }) => type === 8)?.communities ?? [];
      return {
        prefix: nlri.prefix,
        nextHop: attrs.find(({ type }) => type === 3)?.nexthop ?? '',
        localPreference: attrs.find(({ type }) => type === 5)?.value ?? Number.NaN,
        communities: communities.map((value) => `${Math.floor(value / 65_536)}:${value % 65_536}`).sort(),
      };
    });
}

/** Until every peer has exactly these routes. */
export function waitForRoutes(
  peers: BgpPeer[],
  wanted: SeenRoute[],
  deadlineMs = 30_000,
): Promise<unknown[]> {
  const text = JSON.stringify([...wanted].sort(byPrefix));
  return Promise.all(
    peers.map((peer) =>
      waitFor(
        `${peer.address} to have ${text}`,
        async () => {
          const seen = JSON.stringify((await peer.routes()).sort(byPrefix));
          return seen === text || { notYet: seen };
        },
        { deadlineMs },
      ),
    ),
  );
}

function byPrefix(a: SeenRoute, b: SeenRoute): number {
  return a.prefix < b.prefix ? -1 : 1;
}
