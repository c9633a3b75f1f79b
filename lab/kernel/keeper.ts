// node keeper.ts RUNDIR: a process of its own on the machine that owns one kernel: starts it, relays commands
// and their output between front ends (a unix socket in RUNDIR) and the agent in the guest, and ends it when the
// lab's own command ends, when its front end is gone without having been told to keep it, or when asked to.
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { openConsole } from './console.ts';
import { createFeed } from './feed.ts';
import {
  type CommandRequest,
  encodeFrame,
  encodeJson,
  type Frame,
  FrameReader,
  FrameType,
} from './frames.ts';
import type { Launch } from './launch.ts';
import { socketPath } from './places.ts';

const runDir = process.argv[2] ?? '';
const launch: Launch = JSON.parse(readFileSync(join(runDir, 'boot', 'launch.json'), 'utf8'));
const startDeadlineMs = 60_000;
const stopDeadlineMs = 10_000;
const frontDeadlineMs = 15_000;

const fronts = new Map<number, Socket>();
let nextStream = 1;
let mainStream = 0;
let mainDetached = false;
let guestUp = false;
let ending = false;
const waiting: Buffer[] = [];

function note(text: string): void {
  appendFileSync(join(runDir, 'keeper.log'), `${new Date().toISOString()} ${text}\n`);
}

const guestConsole = openConsole(join(runDir, 'console.log'), () => fail(guestConsole.panic() ?? ''));
const kernel = startKernel();
const channel = kernel.stdio[3] as Duplex;
const feed = createFeed((bytes) => channel.write(bytes));
const server = createServer(accept);
server.listen(socketPath(runDir));
const patience = setTimeout(
  () => fail(`the guest did not come up within ${startDeadlineMs / 1000} s`),
  startDeadlineMs,
);
// The front end may have died before it could connect: our stdin is a pipe from it.
const unasked = () => {
  if (mainStream === 0) endKernel('no front end asked for anything');
};
setTimeout(unasked, frontDeadlineMs).unref();
process.stdin.on('close', unasked).resume();

function startKernel(): ChildProcess {
  mkdirSync(join(runDir, 'boot', 'memory'), { recursive: true });
  const [program = '', ...args] = launch.argv;
  const child = spawn(program, args, { env: launch.env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr] as Readable[]) stream.on('data', guestConsole.take);
  if (child.pid !== undefined) writeFileSync(join(runDir, 'kernel.pid'), String(child.pid));
  child.on('error', (error) => fail(`${program} does not start: ${error.message}`));
  child.on('exit', (code, signal) => {
    fail(guestConsole.panic() ?? `the kernel ended by itself (${signal ?? `exit code ${code}`})`);
  });
  return child;
}

const guestReader = new FrameReader();
channel.on('data', (chunk: Buffer) => {
  for (const frame of guestReader.push(chunk)) fromGuest(frame);
});
channel.on('error', (error) => note(`channel to the guest: ${error.message}`));

function toGuest(frame: Buffer): void {
  if (guestUp) feed.send(frame);
  else waiting.push(frame);
}

function fromGuest(frame: Frame): void {
  if (frame.type === FrameType.ready) {
    clearTimeout(patience);
    guestUp = true;
    for (const early of waiting.splice(0)) feed.send(early);
    return;
  }
  if (frame.type === FrameType.taken) {
    feed.taken(frame.payload.readUInt32BE());
    return;
  }
  const isMain = frame.stream === mainStream;
  const output = frame.type === FrameType.stdout || frame.type === FrameType.stderr;
  if (isMain && output) appendFileSync(join(runDir, 'output.log'), frame.payload);
  if (isMain && frame.type === FrameType.detach) mainDetached = true;
  fronts.get(frame.stream)?.write(encodeFrame(frame.type, frame.stream, frame.payload));
  if (frame.type === FrameType.exit && isMain) endKernel('its command ended');
}

function accept(front: Socket): void {
  const stream = nextStream++;
  const reader = new FrameReader();
  fronts.set(stream, front);
  front.on('error', () => {});
  front.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) fromFront(stream, frame);
  });
  front.on('close', () => {
    fronts.delete(stream);
    if (stream === mainStream && !mainDetached) endKernel('its front end is gone');
    // An exec whose front end was interrupted must not go on unseen.
    else if (stream !== mainStream) toGuest(encodeFrame(FrameType.signal, stream, 'SIGTERM'));
  });
}

function fromFront(stream: number, frame: Frame): void {
  if (frame.type === FrameType.end) return void endPolitely();
  if (frame.type === FrameType.run) {
    const request: CommandRequest = JSON.parse(frame.payload.toString());
    if (request.main) mainStream = stream;
  }
  // Nothing runs yet that could end by itself.
  if (frame.type === FrameType.signal && !guestUp && stream === mainStream)
    endKernel('interrupted as it booted');
  toGuest(encodeFrame(frame.type, stream, frame.payload));
}

/** `down`: the lab's command gets the time to take itself down. */
function endPolitely(): void {
  if (!guestUp || mainStream === 0) {
    endKernel('asked to');
    return;
  }
  toGuest(encodeFrame(FrameType.signal, mainStream, 'SIGTERM'));
  setTimeout(() => endKernel(`its command did not stop within ${stopDeadlineMs / 1000} s`), stopDeadlineMs);
}

function fail(why: string): void {
  if (ending) return;
  const message = `${why}\nLast lines of ${join(runDir, 'console.log')}:\n${guestConsole.lastLines()}`;
  for (const front of fronts.values()) front.write(encodeJson(FrameType.failed, 0, { message }));
  endKernel(why);
}

function endKernel(why: string): void {
  if (ending) return;
  ending = true;
  note(`kernel ended: ${why}`);
  const finish = () => {
    rmSync(socketPath(runDir), { force: true });
    // The fronts see the end of the connection only when all of the kernel is gone.
    for (const front of fronts.values()) front.end();
    server.close(() => process.exit(0));
    setTimeout(() => process.exit(0), 2000).unref();
  };
  if (kernel.exitCode !== null || kernel.signalCode !== null || kernel.pid === undefined) {
    finish();
    return;
  }
  // close, not exit: only then no process of the kernel holds our pipes any more.
  kernel.once('close', finish);
  kernel.kill('SIGKILL');
}
