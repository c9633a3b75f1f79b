/**
 * A program that runs inside one network namespace and does there what a test tells it: a Node process cannot
 * enter another namespace, so each namespace has its own. One JSON object a line in, one out.
 */
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { createInterface } from 'node:readline';
import { createLogger } from '../../../common/log.ts';
import { readConntrack } from '../../../controller/kernel/conntrack.ts';
import { type Ipvs, openIpvs } from '../../../controller/kernel/ipvs.ts';
import {
  openPodNetwork,
  type PodNetwork,
  type PodNetworkKeeper,
} from '../../../controller/kernel/network.ts';
import { rulesGeneration } from '../../../controller/kernel/rules-generation.ts';
import { iptables } from '../../../controller/kernel/rules-iptables.ts';
import { nft } from '../../../controller/kernel/rules-nft.ts';

const log = createLogger({ program: 'actor', format: 'json', stream: process.stderr });
const tools = { nft, iptables };
let ipvs: Ipvs | undefined;
let network: PodNetworkKeeper | undefined;

export interface Reply {
  body?: string;
  /** ECONNREFUSED, ETIMEDOUT, … */
  error?: string;
  tookMs: number;
}

export interface LoadResult {
  done: number;
  /** Errors, and answers that did not come from a server. */
  failures: string[];
  slowestMs: number;
}

function ask(address: string, port: number, timeoutMs: number, path = '/'): Promise<Reply> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const end = (reply: Omit<Reply, 'tookMs'>) =>
      resolve({ ...reply, tookMs: performance.now() - startedAt });
    const request = get({ host: address, port, path, agent: false, timeout: timeoutMs }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => end({ body }));
      response.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
    });
    request.on('timeout', () => request.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
    request.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
  });
}

function askUdp(address: string, port: number, timeoutMs: number): Promise<Reply> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (reply: Omit<Reply, 'tookMs'>) => {
      clearTimeout(timer);
      socket.close();
      resolve({ ...reply, tookMs: performance.now() - startedAt });
    };
    const timer = setTimeout(() => end({ error: 'ETIMEDOUT' }), timeoutMs);
    socket.on('message', (data) => end({ body: data.toString() }));
    socket.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
    // Connected: so that an ICMP error reaches the socket.
    socket.connect(port, address, () => socket.send('hello'));
  });
}

let load: { stopped: boolean; result: LoadResult; workers: Promise<void>[] } | undefined;

const methods: Record<string, (...args: never[]) => unknown> = {
  /** Answers HTTP and UDP with its name and the client's address. */
  async serve(name: string, address: string, port: number) {
    const server = createServer((request, response) =>
      response.end(`${name} ${request.socket.remoteAddress}`),
    );
    await new Promise<void>((resolve) => server.listen(port, address, resolve));
    const udp = createSocket('udp4');
    udp.on('message', (_, from) => udp.send(`${name} ${from.address}`, from.port, from.address));
    await new Promise<void>((resolve) => udp.bind(port, address, resolve));
  },
  /** Answers HTTP with so many bytes. */
  async serveBytes(port: number, length: number) {
    const server = createServer((_, response) => response.end('x'.repeat(length)));
    await new Promise<void>((resolve) => server.listen(port, resolve));
  },
  ask,
  askUdp,
  startLoad(address: string, port: number, workers: number) {
    const running = { stopped: false, result: { done: 0, failures: [] as string[], slowestMs: 0 } };
    const work = async () => {
      while (!running.stopped) {
        const { error, body, tookMs } = await ask(address, port, 5000);
        running.result.done += 1;
        running.result.slowestMs = Math.max(running.result.slowestMs, tookMs);
        if (!body?.startsWith('server')) running.result.failures.push(error ?? `answer: ${body}`);
      }
    };
    load = Object.assign(running, { workers: Array.from({ length: workers }, work) });
  },
  async stopLoad() {
    if (!load) throw new Error('no load was started');
    load.stopped = true;
    await Promise.all(load.workers);
    return load.result;
  },
  readFile: (path: string) => readFile(path, 'utf8'),
  readConntrack: () => readConntrack(),
  async ipvs(method: keyof Ipvs, ...args: never[]) {
    ipvs ??= await openIpvs();
    return (ipvs[method] as (...args: never[]) => unknown)(...args);
  },
  async measureDump() {
    ipvs ??= await openIpvs();
    const startedAt = performance.now();
    await ipvs.services();
    return { tookMs: performance.now() - startedAt };
  },
  async openNetwork(tool: keyof typeof tools | 'any') {
    network?.close();
    network = await openPodNetwork({ log, ...(tool === 'any' ? {} : { tools: [tools[tool]] }) });
    return network.backend;
  },
  rulesGeneration,
  async ensure(wanted: PodNetwork) {
    if (!network) throw new Error('openNetwork first');
    const { changed, problems, advice } = await network.ensure(wanted);
    const told = (list: Error[]) => list.map((problem) => ({ ...problem, message: problem.message }));
    return { changed, problems: told(problems), advice: told(advice) };
  },
};

const answer = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, args } = JSON.parse(line) as { id: number; method: string; args: never[] };
  try {
    answer({ id, result: (await methods[method]?.(...args)) ?? null });
  } catch (error) {
    const { name, message, code } = error as { name: string; message: string; code?: string };
    answer({ id, error: { name, message, code } });
  }
});
process.stdin.on('end', () => process.exit(0));
answer({ id: 0, result: 'ready' });
