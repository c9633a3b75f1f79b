import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { aptNetworkOptions, sourceLine } from './mirror.ts';
import type { Step } from './types.ts';

const packages = [
  // The product's programs.
  ...['keepalived', 'exabgp', 'ipvsadm', 'iproute2', 'iptables', 'nftables', 'conntrack'],
  // The data centre round it.
  ...['bird2', 'frr', 'gobgpd', 'nginx-light', 'crun', 'dnsmasq-base', 'socat', 'python3'],
  // Clients and what one looks with.
  ...[
    'wrk',
    'iperf3',
    'curl',
    'netcat-openbsd',
    'iputils-ping',
    'tcpdump',
    'ethtool',
    'jq',
    'less',
    'strace',
  ],
  // The guest itself; libstdc++6 is for Node.
  ...['ca-certificates', 'kmod', 'libcap2-bin', 'libstdc++6', 'procps', 'psmisc', 'util-linux'],
];
/** To be raised when something else than the packages changes what the root is. */
const recipe = 1;
const unwanted = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];

export function rootFolder(cacheDir: string): string {
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, packages, unwanted]))
    .digest('hex')
    .slice(0, 12);
  return join(cacheDir, `root-trixie-${key}`);
}

export function rootStep(cacheDir: string): Step {
  const target = rootFolder(cacheDir);
  return {
    title: 'Debian trixie for the lab (keepalived, ExaBGP, BIRD, nginx …), about 70 s',
    isDone: () => existsSync(target),
    run: (tools) =>
      tools.makeFolder(target, async (temporary) => {
        const options = [
          ...unwanted.map((path) => `--dpkgopt=path-exclude=${path}`),
          ...aptNetworkOptions().map((line) => `--aptopt=${line}`),
          '--aptopt=APT::Sandbox::User "root"',
        ];
        // The list of sources on stdin, which mmdebstrap takes for the one-line format.
        await tools.command(
          [
            ...['mmdebstrap', '--mode=root', '--variant=minbase', '--format=directory', '--skip=check/qemu'],
            ...options,
            `--include=${packages.join(',')}`,
            ...['trixie', temporary, '-'],
          ],
          { stdin: sourceLine('trixie') },
        );
      }),
    remedy: `The mirror of this machine's own packages must also have Debian trixie, and ${cacheDir} needs 1 GB.`,
  };
}
