// Runs in the guest as the child of init: starts commands for the keeper and streams their output back. The
// channel is descriptor 3: a serial line in User-Mode Linux, a socket pair on the machine's own kernel.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { flushCompileCache } from 'node:module';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { isatty, ReadStream, WriteStream } from 'node:tty';
import {
  type CommandRequest,
  cutPayload,
  encodeFrame,
  encodeJson,
  type Frame,
  FrameReader,
  FrameType,
} from './frames.ts';

const channelFd = 3;
const [input, output] = openChannel();
const commands = new Map<number, ChildProcess>();
const reader = new FrameReader();

function openChannel(): [Readable, Writable] {
  if (!isatty(channelFd)) {
    const socket = new Socket({ fd: channelFd });
    return [socket, socket];
  }
  return [new ReadStream(channelFd), new WriteStream(channelFd)];
}

function send(frame: Buffer): Promise<void> {
  return new Promise((done) => output.write(frame, () => done()));
}

input.on('data', (chunk: Buffer) => {
  const taken = Buffer.alloc(4);
  taken.writeUInt32BE(chunk.length);
  void send(encodeFrame(FrameType.taken, 0, taken));
  for (const frame of reader.push(chunk)) take(frame);
});
// Without the keeper nobody can end the guest any more; on the host kernel this ends the PID namespace.
input.on('end', () => process.exit(0));
input.on('error', () => process.exit(0));

function take(frame: Frame): void {
  if (frame.type === FrameType.run) start(frame.stream, JSON.parse(frame.payload.toString()));
  const child = commands.get(frame.stream);
  if (frame.type === FrameType.stdin) {
    if (frame.payload.length === 0) child?.stdin?.end();
    else child?.stdin?.write(frame.payload);
  }
  if (frame.type === FrameType.signal) signalGroup(child, frame.payload.toString() as NodeJS.Signals);
}

function signalGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

function start(stream: number, request: CommandRequest): void {
  const [program = '', ...args] = request.argv;
  const child = spawn(program, args, {
    cwd: request.cwd,
    // Descriptor 3 is the command's own line to us: see detach() in guest.ts.
    env: { ...process.env, ...request.env, LAB_DETACH_FD: '3' },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    // A process group of its own, so that a signal reaches what the command started too.
    detached: true,
  });
  commands.set(stream, child);
  child.stdin?.on('error', () => {});
  const streams = child.stdio as unknown as [unknown, Readable, Readable, Readable];
  const passing = [pass(streams[1], FrameType.stdout, stream), pass(streams[2], FrameType.stderr, stream)];
  streams[3].on(
    'data',
    (line: Buffer) => void send(encodeJson(FrameType.detach, stream, { code: Number(line) || 0 })),
  );
  streams[3].on('error', () => {});
  child.on('error', async (error) => {
    await send(encodeFrame(FrameType.stderr, stream, `cannot start ${program}: ${error.message}\n`));
    await finish(stream, 127, request.main);
  });
  child.on('exit', async (code, signal) => {
    // What a surviving grandchild still writes is not waited for longer than this.
    await Promise.race([Promise.all(passing), new Promise((done) => setTimeout(done, 300).unref())]);
    await finish(stream, code ?? 128 + signalNumber(signal), request.main);
  });
}

async function pass(source: Readable, type: FrameType, stream: number): Promise<void> {
  for await (const chunk of source) {
    for (const part of cutPayload(chunk)) await send(encodeFrame(type, stream, part));
  }
}

async function finish(stream: number, code: number, main: boolean): Promise<void> {
  commands.delete(stream);
  // hostfs writes late: the machine must see the files of the run before the front end returns.
  if (main) spawnSync('sync');
  await send(encodeJson(FrameType.exit, stream, { code }));
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }[signal as string] ?? 0;
}

await send(encodeFrame(FrameType.ready, 0));
// Node writes its compile cache when it exits, and the agent is killed.
flushCompileCache();
