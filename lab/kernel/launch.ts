import { freemem } from 'node:os';
import { join } from 'node:path';
import type { SetUp } from '../setup/types.ts';
import { modulesToLoad } from './modules.ts';
import { quietestCpu } from './processors.ts';

/** What the keeper needs to start a kernel; front end → keeper as runDir/boot/launch.json. */
export interface Launch {
  argv: string[];
  env: Record<string, string>;
  /** What init.sh reads as a shell file. */
  bootEnv: Record<string, string>;
  /** true: the channel to the agent is a serial line of the guest, else the inherited descriptor 3. */
  serial: boolean;
}

export interface Places {
  checkout: string;
  runDir: string;
  memoryMiB?: number | undefined;
  processor?: number | undefined;
  hardware?: Hardware | undefined;
}

/** What a User-Mode Linux guest gets beside memory and a processor. */
export interface Hardware {
  /**
   * Its network card (vec0 in the guest): one end of a veth in this network namespace of ours, as a packet socket. Not a
   * tap: without a queue of its own the driver locks what it never made, and panics where the kernel has SMP
   * (arch/um/drivers/vector_kern.c, vector_reset_stats).
   */
  card?: { netns: string; device: string; mac: string };
  /** Its disk (ubda in the guest): what it writes goes to `changes`, which is made if it is missing. */
  disk?: { base: string; changes: string };
}

const mib = 1024 * 1024;

/**
 * Enough for four LB pods and thirty servers. User-Mode Linux takes memory from the machine only when the guest
 * first touches it, so a generous limit costs nothing until then.
 */
function defaultMemoryMiB(): number {
  return Math.max(1536, Math.min(6144, Math.floor((freemem() / mib) * 0.6)));
}

/** How to start this kernel so that nothing of it survives the keeper, however the keeper ends. */
export function planLaunch(setUp: SetUp, places: Places): Launch {
  for (const path of [setUp.cacheDir, setUp.root, places.checkout, places.runDir]) {
    if (/[\s,"']/.test(path)) {
      throw new Error(
        `the lab cannot use ${path}: kernel and mount options take no space, comma or quote in a path; move it`,
      );
    }
  }
  const uml = setUp.kernel.name !== 'host';
  const modules = setUp.kernel.modulesDir ?? '';
  const bootEnv = {
    LAB_KIND: uml ? 'uml' : 'host',
    LAB_KERNEL: setUp.kernel.name,
    LAB_LOWER: uml ? '/' : setUp.root,
    LAB_CACHE: setUp.cacheDir,
    LAB_CHECKOUT: places.checkout,
    LAB_RUN: places.runDir,
    LAB_MODULES: modules,
    LAB_MODULE_NAMES: modules === '' ? '' : modulesToLoad.join(' '),
  };
  const argv = uml ? umlCommand(setUp, places) : hostCommand(places);
  return { argv, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, bootEnv, serial: uml };
}

// setpriv: the kernel ends with the keeper, even by kill -9; the PID namespace ends all of its helper processes
// with its first one.
const bound = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child'];

function umlCommand(
  setUp: SetUp,
  { runDir, memoryMiB = defaultMemoryMiB(), processor = quietestCpu(), hardware = {} }: Places,
): string[] {
  const program = setUp.kernel.program;
  if (program === undefined) throw new Error(`kernel ${setUp.kernel.name} has no program to start`);
  const memory = join(runDir, 'boot', 'memory');
  // The guest's memory is a file: on a tmpfs of its own, since the machine's /dev/shm may be small and /tmp a disk.
  const prepare = `mount -t tmpfs -o size=${memoryMiB + 64}m,mode=700 tmpfs ${memory} && ulimit -c 0 && TMPDIR=${memory} exec "$@"`;
  const init = `mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/boot && export LIBMOUNT_FORCE_MOUNT2=always && mount -t hostfs -o ${runDir}/boot none /run/boot && exec /bin/sh /run/boot/init.sh`;
  // 6.1 knows only ptrace.
  const mode = setUp.kernel.name === 'latest' ? ['seccomp=on'] : [];
  const { card, disk } = hardware;
  return [
    ...(card === undefined ? [] : ['nsenter', `--net=${card.netns}`, '--']),
    ...['taskset', '--cpu-list', String(processor)],
    ...bound,
    ...['sh', '-c', prepare, 'lab-kernel', program, `mem=${memoryMiB}M`, ...mode],
    ...['root=/dev/root', 'rootfstype=hostfs', `rootflags=${setUp.root}`, 'ro', 'quiet', `uml_dir=${memory}`],
    ...(card === undefined
      ? []
      : [`vec0:transport=raw,ifname=${card.device},depth=128,gro=1,mac=${card.mac}`]),
    ...(disk === undefined ? [] : [`ubd0=${disk.changes},${disk.base}`]),
    ...['con=null', 'con0=null,fd:1', 'ssl=null', 'ssl0=fd:3', 'init=/bin/sh', '--', '-c', `"${init}"`],
  ];
}

function hostCommand({ runDir }: Places): string[] {
  const init = `cd ${runDir}/boot && mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/boot && mount --bind . /run/boot && cd / && exec /bin/sh /run/boot/init.sh`;
  return [...bound, '--net', '--uts', '--ipc', '--cgroup', 'sh', '-c', init];
}
