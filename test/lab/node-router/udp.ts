/**
 * A program of the tests. `echo NAME ADDRESS`: answers datagrams to the address with its name. `send ADDRESS FLOWS`:
 * sends one every few milliseconds from as many ports as there are flows, and at SIGTERM prints what was answered.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sent } from './site.ts';

const port = 5000;
const lastAnswerMs = 1_000;
/** Often enough to hit a gap of a few milliseconds, seldom enough to leave User-Mode Linux some of its one processor. */
const everyMs = 4;

const [mode = '', first = '', second = ''] = process.argv.slice(2);
await (mode === 'echo' ? echo(first, second) : send(first, Number(second)));

async function echo(name: string, address: string): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (data, from) => socket.send(`${data} ${name}`, from.port, from.address));
  socket.bind(port, address);
  await once(socket, 'listening');
  console.log('listening');
}

async function send(address: string, flows: number): Promise<void> {
  const sent: Sent = { sent: 0, answered: 0, unanswered: [], by: {}, flows: {} };
  const awaited = new Set<number>();
  let stopping = false;
  process.on('SIGTERM', () => {
    stopping = true;
  });
  const sockets = await Promise.all(Array.from({ length: flows }, (_, flow) => open(flow)));
  console.log('sending');
  while (!stopping) {
    awaited.add(sent.sent);
    sockets[sent.sent % flows]?.send(String(sent.sent), port, address);
    sent.sent += 1;
    if (sent.sent % 100 === 0 && sent.sent <= 1_000) console.log(`sent ${sent.sent}.`);
    await sleep(everyMs);
  }
  const deadlineMs = performance.now() + lastAnswerMs;
  while (awaited.size > 0 && performance.now() < deadlineMs) await sleep(10);
  sent.unanswered = [...awaited];
  console.log(JSON.stringify(sent));
  for (const socket of sockets) socket.close();

  async function open(flow: number): Promise<Socket> {
    const socket = createSocket('udp4');
    socket.on('message', (data) => {
      const [number, name = ''] = data.toString().split(' ');
      if (!awaited.delete(Number(number))) return;
      sent.answered += 1;
      sent.by[name] = (sent.by[name] ?? 0) + 1;
      sent.flows[flow] = [...new Set([...(sent.flows[flow] ?? []), name])];
    });
    // an ICMP error is a lost packet like others
    socket.on('error', () => undefined);
    socket.bind();
    await once(socket, 'listening');
    return socket;
  }
}
