/** The sidecar as its container runs it: uid 65532, no capability, an empty environment; and a lease beside it. */
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from '../../../common/clock.ts';
import { type Lease, writeLease } from '../../../common/lease.ts';
import type { SpeakerState } from '../../../common/speaker-state.ts';
import { waitFor } from '../../../lab/wait.ts';
import { nodeIP, type Program, podIP, type Segment } from './segment.ts';

const user = 65_532;
const source = new URL('../../../bgp-sidecar/main.ts', import.meta.url).pathname;

export interface Pod {
  readonly program: Program;
  writeSettings(bgp: Record<string, unknown> | undefined): void;
  /** Writes the lease now, and each half second from now on until another word or `silence`. */
  lease(word: 'yes' | 'no', options?: { prefixes?: string[]; lengthMs?: number }): Promise<void>;
  /** The controller dies: nobody renews the lease. */
  silence(): Promise<void>;
  leaseFile: string;
  state(): SpeakerState;
  health(path: string): Promise<{ status: number; body: string }>;
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  /** pid of ExaBGP, of its helper; 0 when there is none */
  exabgpPid(): number;
  helperPid(): number;
  log(): { level: string; event: string; msg: string }[];
}

export interface PodOptions {
  bgp?: Record<string, unknown> | undefined;
  /** the pod's /etc/resolv.conf; else the machine's */
  resolvConf?: string;
  secrets?: Record<string, string>;
}

export const prefixA = '203.0.113.0/28';
export const prefixB = '203.0.113.16/28';

export function startPod(segment: Segment, { bgp, resolvConf, secrets = {} }: PodOptions): Pod {
  const home = join(segment.directory, 'pod');
  const shared = join(home, 'shared');
  const settings = join(home, 'settings.yaml');
  for (const directory of [shared, join(home, 'run')]) {
    mkdirSync(directory, { recursive: true });
    chownSync(directory, user, user);
  }
  for (const above of [segment.directory, home]) chownSync(above, user, user);
  for (const [name, text] of Object.entries(secrets)) writeFileSync(join(home, name), text);
  let renewal: NodeJS.Timeout | undefined;
  let written: Promise<void> = Promise.resolve();

  const pod: Omit<Pod, 'program'> = {
    leaseFile: join(shared, 'lease.json'),
    writeSettings(given) {
      const all = {
        service: { name: 'web' },
        vip: { prefixes: [prefixA, prefixB] },
        ...(given === undefined ? {} : { bgp: { localAS: 64512, ...given } }),
      };
      writeFileSync(settings, JSON.stringify(all));
    },
    async lease(word, { prefixes = [prefixA], lengthMs = 60_000 } = {}) {
      await pod.silence();
      const write = () => writeLease(pod.leaseFile, makeLease(word === 'yes', prefixes, lengthMs));
      await write();
      renewal = setInterval(() => {
        written = write().catch(() => undefined);
      }, 500);
    },
    async silence() {
      clearInterval(renewal);
      await written;
    },
    state: () => JSON.parse(readFileSync(join(shared, 'bgp-state.json'), 'utf8')) as SpeakerState,
    async health(path) {
      const words = ['curl', '-s', '-m', '5', '-w', '\n%{http_code}', `http://${podIP}:9441${path}`];
      const lines = (await segment.exec('pod', words)).split('\n');
      return { status: Number(lines.pop()), body: lines.join('\n') };
    },
    async metric(name, labels = {}) {
      const { body } = await pod.health('/metrics');
      const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
      const line = body
        .split('\n')
        .find((text) => text.startsWith(name) && wanted.every((label) => text.includes(label)));
      return line === undefined ? 0 : Number(line.split(' ').pop());
    },
    exabgpPid: () => childOf(program.pid),
    helperPid: () => childOf(childOf(program.pid)),
    log: () =>
      program
        .log()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { level: string; event: string; msg: string }),
  };
  pod.writeSettings(bgp);
  const program = segment.start('pod', 'sidecar', [
    ...(resolvConf === undefined ? [] : withResolvConf(join(home, 'resolv.conf'), resolvConf)),
    ...[
      'setpriv',
      '--reuid',
      `${user}`,
      '--regid',
      `${user}`,
      '--clear-groups',
      '--bounding-set=-all',
      '--no-new-privs',
    ],
    ...['env', '-i', `PATH=${process.env.PATH}`, 'POD_NAME=lb-1', `POD_IP=${podIP}`, `NODE_IP=${nodeIP}`],
    ...[process.execPath, source, '--settings', settings, '--shared', shared, '--run', join(home, 'run')],
  ]);
  void program.ended.then(pod.silence);
  return Object.assign(pod, { program });
}

/** `ip netns exec` gives each command a mount namespace of its own. */
function withResolvConf(file: string, text: string): string[] {
  writeFileSync(file, text);
  return ['sh', '-c', `mount --bind ${file} /etc/resolv.conf && exec "$@"`, 'pod'];
}

function makeLease(announce: boolean, prefixes: string[], lengthMs: number): Lease {
  const reason = announce ? 'the kernel holds what is wanted' : 'no live server';
  const common = { version: 1 as const, pod: 'lb-1', service: 'default/web' };
  return { ...common, announce, reason, prefixes, renewedAtMs: monotonicMs(), lengthMs };
}

function childOf(parent: number): number {
  if (parent === 0) return 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const file = `/proc/${pid}/stat`;
    if (!existsSync(file)) continue;
    try {
      const stat = readFileSync(file, 'latin1');
      const [state, above] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(above) === parent && state !== 'Z') return Number(pid);
    } catch {
      // it has ended meanwhile
    }
  }
  return 0;
}

/** Until the peers' sessions are as wanted in the sidecar's own state. */
export function waitForSession(pod: Pod, peer: string, up: boolean, deadlineMs = 60_000): Promise<unknown> {
  return waitFor(
    `the session with ${peer} to be ${up ? 'up' : 'down'}`,
    () => {
      const status = pod.state().peers[peer];
      return status?.up === up || { notYet: `${JSON.stringify(status)}\n${pod.program.log().slice(-3_000)}` };
    },
    { deadlineMs },
  );
}
