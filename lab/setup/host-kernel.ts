import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import type { KernelChoice } from './types.ts';

/**
 * Each is tried, in a network namespace made for it, with the programs of the lab's Debian: what the kernel's
 * configuration promises is not asked. In order, later ones use the devices of earlier ones.
 */
const features: [name: string, script: string][] = [
  ['IPVS', 'ipvsadm -A -f 1 -s lc && ipvsadm -a -f 1 -r 10.9.9.9 -m'],
  [
    'veth devices',
    'ip link add v0 type veth peer name v1 && ip address add 10.9.9.1/24 dev v0 && ip link set v0 up && ip link set v1 up',
  ],
  ['bridges', 'ip link add b0 type bridge'],
  ['dummy devices', 'ip link add d0 type dummy'],
  ['multipath routes', 'ip route add 10.9.8.0/24 nexthop via 10.9.9.2 nexthop via 10.9.9.3'],
  ['the tbf queue', 'tc qdisc add dev v0 root tbf rate 10mbit burst 32k latency 50ms'],
  [
    'packet rules with marks, NAT and reject (nf_tables or iptables-legacy)',
    `nft 'add table ip t; add chain ip t p { type filter hook prerouting priority mangle; }; add rule ip t p tcp dport 80 meta mark set 1; add chain ip t o { type nat hook postrouting priority srcnat; }; add rule ip t o ct state new masquerade; add rule ip t o ip saddr 10.9.9.9 drop' || { iptables-legacy -t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 1 && iptables-legacy -t nat -A POSTROUTING -j MASQUERADE; }`,
  ],
  ['connection tracking', 'test -e /proc/sys/net/netfilter/nf_conntrack_max'],
  ['the policy of multipath hashing', 'sysctl -q -w net.ipv4.fib_multipath_hash_policy=1'],
  ['overlay file systems', 'grep -qw overlay /proc/filesystems'],
  ['cgroup2', 'grep -qw cgroup2 /proc/filesystems'],
];

/** What this machine's own kernel lacks of what the lab needs; empty: nothing. */
export function probeHostKernel(root: string): string[] {
  if (!existsSync(root)) return ['(not asked yet)'];
  const script = features.map(([name, test]) => `{ ${test}; } >/dev/null 2>&1 || echo '${name}'`).join('\n');
  const inside =
    'mount -t proc proc "$0/proc" && mount -t sysfs sysfs "$0/sys" && exec chroot "$0" /bin/sh -c "$1"';
  const probe = spawnSync(
    'unshare',
    ['--net', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', inside, root, script],
    {
      encoding: 'utf8',
      timeout: 20_000,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    },
  );
  if (probe.status !== 0)
    return [
      `the right to make namespaces (${(probe.stderr ?? '').trim() || probe.error?.message || 'no reason given'})`,
    ];
  return probe.stdout.split('\n').filter((line) => line !== '');
}

export function hostKernel(why: string): KernelChoice {
  return { name: 'host', release: release(), why };
}
