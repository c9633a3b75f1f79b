// Runs in the client's namespace: asks a DNS server at a steady rate until SIGTERM or enough, repeating a question as
// resolvers do; then prints what became of every question.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type DnsAnswer, query, readAnswer } from './dns-message.ts';

export interface DnsPlan {
  server: string;
  names: string[];
  /** `udp`, `tcp`: a socket a question. `udp-kept`: six sockets for all of them, as some forwarders have it. */
  transport: 'udp' | 'udp-kept' | 'tcp';
  count?: number;
  ratePerSecond?: number;
}

export interface DnsResult {
  name: string;
  startedAtMs: number;
  durationMs: number;
  /** How often it was asked: again only when nothing came back. */
  attempts: number;
  answer?: DnsAnswer;
  /** `timeout`, or what the network said of the last attempt. */
  error?: string;
}

/** Of a resolver: the default and the maximum of resolv.conf(5). */
const timeoutMs = 5000;
const maxAttempts = 5;
const port = 53;
const keptSockets = 6;
const sourcePorts = { first: 20_000, last: 59_999 };

// Not where the last run began, nor its neighbours of this one.
let lastPort = sourcePorts.first + ((process.pid * 5_000) % (sourcePorts.last - sourcePorts.first));
const plan: DnsPlan = JSON.parse(process.argv[2] ?? '');
let stopped = false;
process.on('SIGTERM', () => {
  stopped = true;
});
console.log('asking');
const results: Promise<DnsResult>[] = [];
const ask = asker(plan);
const { names, count = Infinity, ratePerSecond = 100 } = plan;
const startedAtMs = performance.now();
while (!stopped && results.length < count) {
  const dueMs = startedAtMs + (results.length * 1000) / ratePerSecond;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
  const id = results.length & 0xffff;
  results.push(asked(ask, id, names[results.length % names.length] ?? ''));
}
console.log(JSON.stringify(await Promise.all(results)));
process.exit();

type Ask = (id: number, name: string, signal: AbortSignal) => Promise<Buffer>;

function asker({ server, transport }: DnsPlan): Ask {
  if (transport === 'tcp') return (id, name, signal) => overTcp(server, query({ id, name }), signal);
  if (transport === 'udp') {
    return async (id, name, signal) => {
      const socket = await udpSocket(server);
      return over(socket, id, query({ id, name }), signal).finally(() => socket.close());
    };
  }
  const sockets = Array.from({ length: keptSockets }, () => udpSocket(server));
  return async (id, name, signal) => {
    const socket = await (sockets[id % keptSockets] ?? udpSocket(server));
    return over(socket, id, query({ id, name }), signal);
  };
}

async function asked(ask: Ask, id: number, name: string): Promise<DnsResult> {
  const startedAtMs = Number(process.hrtime.bigint()) / 1e6;
  let attempts = 0;
  let outcome: Pick<DnsResult, 'answer' | 'error'>;
  do {
    attempts++;
    outcome = await attempted(ask, id, name);
  } while (outcome.error === 'timeout' && attempts < maxAttempts);
  const durationMs = Number(process.hrtime.bigint()) / 1e6 - startedAtMs;
  return { name, startedAtMs, durationMs, attempts, ...outcome };
}

function attempted(ask: Ask, id: number, name: string): Promise<Pick<DnsResult, 'answer' | 'error'>> {
  return ask(id, name, AbortSignal.timeout(timeoutMs)).then(
    (message) => ({ answer: readAnswer(message) }),
    (error: NodeJS.ErrnoException) => ({ error: error.code ?? error.message }),
  );
}

/**
 * From a source port that had no question for long: IPVS leads a port to the same server for 300 s after its last
 * datagram. Connected, so that an ICMP error is heard of.
 */
function udpSocket(server: string): Promise<UdpSocket> {
  const socket = createSocket('udp4').setMaxListeners(0);
  lastPort = lastPort < sourcePorts.last ? lastPort + 1 : sourcePorts.first;
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(lastPort, () => socket.connect(port, server, () => resolve(socket)));
  });
}

function over(socket: UdpSocket, id: number, message: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const hear = (reply: Buffer) => {
      if (reply.readUInt16BE(0) === id) finish(() => resolve(reply));
    };
    const fail = (error: Error) => finish(() => reject(error));
    const finish = (end: () => void) => {
      socket.off('message', hear).off('error', fail);
      end();
    };
    socket.on('message', hear).on('error', fail).send(message);
    signal.addEventListener('abort', () => fail(new Error('timeout')));
  });
}

function overTcp(server: string, message: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, server, () =>
      socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message])),
    );
    signal.addEventListener('abort', () => socket.destroy(new Error('timeout')));
    let read = Buffer.alloc(0);
    socket.on('error', reject).on('data', (chunk) => {
      read = Buffer.concat([read, chunk]);
      if (read.length < 2 || read.length < 2 + read.readUInt16BE(0)) return;
      socket.destroy();
      resolve(read.subarray(2));
    });
    socket.on('close', () => reject(new Error('closed without an answer')));
  });
}
