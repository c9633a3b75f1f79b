/**
 * One LAN of two namespaces: the LB pod (10.9.0.11) on one end of a veth, the BGP peers' addresses on the other.
 * Needs no IPVS: it works on any kernel where root may make namespaces.
 */
import { execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
let made = 0;

export const podIP = '10.9.0.11';
export const nodeIP = '10.9.0.1';

export interface Program {
  readonly pid: number;
  readonly log: () => string;
  readonly ended: Promise<number>;
  signal(signal: NodeJS.Signals): void;
}

export interface Segment {
  readonly directory: string;
  exec(where: 'pod' | 'peers', command: string[]): Promise<string>;
  start(where: 'pod' | 'peers', name: string, command: string[]): Program;
  /** Command lines of what runs there. */
  processes(where: 'pod' | 'peers'): Promise<string[]>;
  /** Kills what still runs and removes the namespaces. */
  close(): Promise<void>;
}

export async function openSegment(addresses: string[]): Promise<Segment> {
  const tag = `sc${process.pid}-${++made}`;
  const names = { pod: `${tag}-pod`, peers: `${tag}-peers` };
  const directory = mkdtempSync(join(tmpdir(), 'bgp-sidecar-'));
  const programs: Program[] = [];
  const ip = (...words: string[]) => run('ip', words);
  await ip('netns', 'add', names.pod);
  await ip('netns', 'add', names.peers);
  await ip(
    'link',
    'add',
    'eth0',
    'netns',
    names.pod,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    names.peers,
  );
  await ip('-n', names.pod, 'address', 'add', `${podIP}/24`, 'dev', 'eth0');
  for (const address of addresses)
    await ip('-n', names.peers, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  for (const name of Object.values(names)) {
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
  }

  return {
    directory,
    async exec(where, command) {
      const { stdout } = await run('ip', ['netns', 'exec', names[where], ...command], { timeout: 10_000 });
      return stdout;
    },
    start(where, name, command) {
      const file = join(directory, `${name}-${programs.length}.log`);
      const child = spawn('ip', ['netns', 'exec', names[where], ...command], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const output = createWriteStream(file);
      child.stdout.pipe(output, { end: false });
      child.stderr.pipe(output, { end: false });
      const ended = new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, signal) => resolve(code ?? (signal === null ? -1 : 128)));
      });
      const program: Program = {
        pid: child.pid ?? 0,
        log: () => readFileSync(file, 'utf8'),
        ended,
        signal: (signal) => void child.kill(signal),
      };
      programs.push(program);
      return program;
    },
    async processes(where) {
      const pids = await pidsIn(names[where]);
      return pids.flatMap((pid) => {
        const file = `/proc/${pid}/cmdline`;
        return existsSync(file) ? `${pid} ${readFileSync(file, 'utf8').replaceAll('\0', ' ')}` : [];
      });
    },
    async close() {
      // all that is in the namespaces, helpers of what was killed too
      for (const name of Object.values(names)) {
        for (const pid of await pidsIn(name)) end(pid);
      }
      await Promise.all(programs.map(({ ended }) => ended));
      for (const name of Object.values(names)) await ip('netns', 'delete', name);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function pidsIn(name: string): Promise<number[]> {
  const { stdout } = await run('ip', ['netns', 'pids', name]);
  return stdout.split('\n').filter(Boolean).map(Number);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended with its parent
  }
}
