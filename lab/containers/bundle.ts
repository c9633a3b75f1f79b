import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../kernel/places.ts';

/** The guest's own Debian, read-only and without what is mounted on it (lab/kernel/init.sh). */
const imageDir = '/run/image';
/** Where the checkout (as an image would hold the bundle) is in a container. */
export const programDir = '/opt/portable-lb';

export interface Mount {
  /** Directory, or file, of this kernel. */
  source: string;
  destination: string;
  access: 'ro' | 'rw';
}

export interface ContainerPlan {
  /** Unique among containers; also the container's id for crun. */
  name: string;
  hostname: string;
  command: string[];
  env: Record<string, string>;
  netns: string;
  uid: number;
  gid: number;
  capabilities: string[];
  mounts: Mount[];
}

/** Writes the OCI bundle (runtime-spec 1.0) and gives its directory. */
export function writeBundle(directory: string, plan: ContainerPlan): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify(runtimeSpec(plan)));
  return directory;
}

function runtimeSpec(plan: ContainerPlan) {
  const { capabilities } = plan;
  // A non-root user gets no ambient capabilities from Kubernetes, so here neither.
  const held = plan.uid === 0 ? { effective: capabilities, permitted: capabilities } : {};
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: plan.uid, gid: plan.gid },
      args: plan.command,
      env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      capabilities: { bounding: capabilities, ...held },
      noNewPrivileges: true,
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 65536, soft: 65536 }],
    },
    root: { path: imageDir, readonly: true },
    hostname: plan.hostname,
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      tmpfs('/dev', 'mode=755', 'nosuid', 'strictatime'),
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      tmpfs('/dev/shm', 'mode=1777', 'nosuid', 'noexec', 'nodev'),
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      tmpfs('/run', 'mode=1777', 'nosuid', 'nodev'),
      tmpfs('/tmp', 'mode=1777', 'nosuid', 'nodev'),
      ...[{ source: checkout, destination: programDir, access: 'ro' as const }, ...plan.mounts].map(
        (mount) => ({
          destination: mount.destination,
          type: 'bind',
          source: mount.source,
          options: ['bind', mount.access, 'nosuid', 'nodev'],
        }),
      ),
    ],
    linux: {
      namespaces: [
        { type: 'pid' },
        { type: 'mount' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'network', path: plan.netns },
      ],
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}

function tmpfs(destination: string, ...options: string[]) {
  return { destination, type: 'tmpfs', source: 'tmpfs', options };
}
