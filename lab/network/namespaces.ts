import { readdirSync } from 'node:fs';
import { inNamespace, run } from './command.ts';
import { hashSeed, macOf } from './plan.ts';

const folder = '/run/netns';

export interface Link {
  /** Namespace and bridge that the other end is plugged into; the port there has the name `port` (≤ 15 characters). */
  into: string;
  bridge: string;
  port: string;
  /** Name of our end. */
  name: string;
  /** `10.0.0.1/24` */
  address: string;
}

export interface NamespacePlan {
  /** Name below /run/netns. */
  name: string;
  links: Link[];
  /** Lines for `ip -batch` once the links are up. */
  ip?: string[];
  sysctls?: Record<string, string | number>;
}

export function netnsPath(name: string): string {
  return `${folder}/${name}`;
}

/** Makes a namespace with its links, addresses, routes and sysctls: one shell, so that many at once are cheap. */
export async function addNamespace(plan: NamespacePlan): Promise<void> {
  const inside = ['link set lo up', ...plan.links.flatMap(linkLines), ...(plan.ip ?? [])];
  const sysctls: Record<string, string | number> = {
    'net.ipv6.conf.all.disable_ipv6': 1,
    'net.ipv6.conf.default.disable_ipv6': 1,
    'net.ipv4.conf.all.rp_filter': 0,
    'net.ipv4.conf.default.rp_filter': 0,
    ...plan.sysctls,
  };
  // The kernel before 6.18 or so has one seed for all: then nothing can be set.
  const seed = `[ ! -e /proc/sys/net/ipv4/fib_multipath_hash_seed ] || echo ${hashSeed(plan.name.replace(/^plb-\w+-/, ''))} > /proc/sys/net/ipv4/fib_multipath_hash_seed`;
  const script = [
    'set -e',
    `ip netns add ${plan.name}`,
    ...plan.links.map(
      (link) => `ip -n ${link.into} -batch - <<'END'
link add ${link.port} type veth peer name ${link.name} address ${macOf(link.address.split('/')[0] ?? '')} netns ${plan.name}
link set ${link.port} master ${link.bridge} up
END`,
    ),
    `exec nsenter --net=${netnsPath(plan.name)} sh -e -s <<'END'`,
    ...sysctlLines(sysctls),
    seed,
    "ip -batch - <<'BATCH'",
    ...inside,
    'BATCH',
    'END',
  ].join('\n');
  await run(['sh', '-s'], { input: `${script}\n` });
}

function linkLines({ name, address }: Link): string[] {
  return [`address add ${address} dev ${name}`, `link set ${name} up`];
}

function sysctlLines(values: Record<string, string | number>): string[] {
  return Object.entries(values).map(
    ([name, value]) => `echo '${value}' > /proc/sys/${name.replaceAll('.', '/')}`,
  );
}

export async function setSysctls(netns: string, values: Record<string, string | number>): Promise<void> {
  await run(inNamespace(netns, ['sh', '-e', '-s']), { input: `${sysctlLines(values).join('\n')}\n` });
}

/** One `ip -batch` in the namespace. */
export async function ipBatch(name: string, lines: string[]): Promise<void> {
  await run(['ip', '-n', name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

export function listNamespaces(prefix: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

export async function removeNamespaces(names: string[]): Promise<void> {
  if (names.length === 0) return;
  await run(['ip', '-force', '-batch', '-'], {
    input: `${names.map((name) => `netns del ${name}`).join('\n')}\n`,
  });
}
