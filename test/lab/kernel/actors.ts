/** Starts an actor in a namespace and speaks with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { IpvsDestination, IpvsService } from '../../../controller/core/types.ts';
import type { Conntrack } from '../../../controller/kernel/conntrack.ts';
import type { Ipvs } from '../../../controller/kernel/ipvs.ts';
import type { PodNetwork } from '../../../controller/kernel/network.ts';
import type { LoadResult, Reply } from './actor.ts';

export interface TellingProblem {
  code: string;
  message: string;
}

export interface NetworkOutcome {
  changed: string[];
  problems: TellingProblem[];
  advice: TellingProblem[];
}

interface Calls {
  serve(name: string, address: string, port: number): Promise<void>;
  serveBytes(port: number, length: number): Promise<void>;
  ask(address: string, port: number, timeoutMs: number): Promise<Reply>;
  askUdp(address: string, port: number, timeoutMs: number): Promise<Reply>;
  startLoad(address: string, port: number, workers: number): Promise<void>;
  stopLoad(): Promise<LoadResult>;
  readFile(path: string): Promise<string>;
  /** One IPVS dump, timed where it happens. */
  measureDump(): Promise<{ tookMs: number }>;
  readConntrack(): Promise<Conntrack>;
  openNetwork(tool: 'nft' | 'iptables' | 'any'): Promise<'nft' | 'iptables'>;
  /** null: the kernel does not say. */
  rulesGeneration(): Promise<number | null>;
  ensure(wanted: PodNetwork): Promise<NetworkOutcome>;
}

export interface Actor extends Calls {
  ipvs<Method extends keyof Ipvs>(
    method: Method,
    ...args: Parameters<Ipvs[Method]>
  ): ReturnType<Ipvs[Method]>;
  stop(): Promise<void>;
}

const answerWithinMs = 60_000;

/** @param prefix a command that runs another one elsewhere: ['ip', 'netns', 'exec', name] */
export async function startActor(prefix: readonly string[]): Promise<Actor> {
  const [file = '', ...args] = [...prefix, process.execPath, new URL('actor.ts', import.meta.url).pathname];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended with ${code}: ${errors}`));
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, result, error } = JSON.parse(line) as { id: number; result: unknown; error?: TellingProblem };
    const call = waiting.get(id);
    waiting.delete(id);
    if (error) call?.reject(Object.assign(new Error(error.message), error));
    else call?.resolve(result);
  });
  const answerOf = (id: number, what: string) =>
    new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${what}: no answer in ${answerWithinMs} ms: ${errors}`));
      const timer = setTimeout(late, answerWithinMs);
      const settle =
        <V>(then: (value: V) => void) =>
        (value: V) => {
          clearTimeout(timer);
          then(value);
        };
      waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
  await answerOf(0, 'start');
  let last = 0;
  const call = (method: string, args: unknown[]) => {
    const id = ++last;
    const answer = answerOf(id, method);
    child.stdin.write(`${JSON.stringify({ id, method, args })}\n`);
    return answer;
  };
  return new Proxy({} as Actor, {
    get: (_, method: string) => {
      if (method === 'then') return undefined; // not a promise
      if (method === 'stop') return () => stop(child);
      return (...args: unknown[]) => call(method, args);
    },
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
  await ended;
  clearTimeout(timer);
}

export function markService(mark: number, scheduler = 'rr'): IpvsService {
  return { family: 4, mark, scheduler, flags: [], destinations: [] };
}

export function natServer(address: string, port: number, weight = 1): IpvsDestination {
  return {
    address,
    port,
    weight,
    method: 'masq',
    upperThreshold: 20000,
    lowerThreshold: 0,
    activeConnections: 0,
    inactiveConnections: 0,
  };
}
