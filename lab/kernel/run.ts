import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { readTerminal } from '../setup/config.ts';
import type { SetUp } from '../setup/types.ts';
import { type CommandRequest, encodeFrame, encodeJson, FrameReader, FrameType } from './frames.ts';
import { planLaunch } from './launch.ts';
import { checkout, forgetSocketPath, socketPath } from './places.ts';

export interface RunOptions {
  /** Executed in the guest with the checkout as working folder; node is Node 24. */
  command: string[];
  /** A folder of this machine, shared read-write with the guest at the same path; made if it is missing. */
  runDir: string;
  env?: Record<string, string>;
  memoryMiB?: number;
}

export interface ExecOptions {
  env?: Record<string, string>;
  /** Where the command's stdin comes from; none by default. */
  stdin?: NodeJS.ReadableStream;
  stdout?: NodeJS.WritableStream;
  stderr?: NodeJS.WritableStream;
  /** Ends the command as Ctrl-C does. */
  abort?: AbortSignal;
}

/** The kernel ended under the lab: a panic, a guest that did not come up. */
export class KernelFailure extends Error {}

const connectDeadlineMs = 10_000;
const interruptDeadlineMs = 10_000;

/**
 * Starts the chosen kernel, runs the command in it with its output on ours, and gives its exit code. The kernel
 * ends with the command, with this process (also by kill -9), or ten seconds after Ctrl-C; it stays up when the
 * command calls detach() of guest.ts, whose code is then ours. Throws KernelFailure.
 */
export async function runInKernel(setUp: SetUp, options: RunOptions): Promise<number> {
  if (await isKernelUp(options.runDir)) {
    throw new KernelFailure(
      `a lab is up in ${options.runDir} already; take it down first (npm run lab -- down)`,
    );
  }
  // What a keeper that was killed left.
  rmSync(socketPath(options.runDir), { force: true });
  startKeeper(setUp, options);
  const front = await connectKeeper(options.runDir, connectDeadlineMs);
  return converse(front, options.runDir, {
    argv: options.command,
    cwd: checkout,
    env: { ...readTerminal(process.stdout), ...options.env },
    main: true,
  });
}

/** Runs a command in a kernel that is up. Throws if none is up in this folder. */
export async function execInKernel(
  runDir: string,
  argv: string[],
  options: ExecOptions = {},
): Promise<number> {
  const front = await connectKeeper(runDir, 0);
  const request = {
    argv,
    cwd: checkout,
    env: { ...readTerminal(process.stdout), ...options.env },
    main: false,
  };
  return converse(front, runDir, request, options);
}

export async function isKernelUp(runDir: string): Promise<boolean> {
  if (!existsSync(join(runDir, 'keeper.sock'))) return false;
  const front = await connectKeeper(runDir, 0).catch(() => undefined);
  front?.destroy();
  return front !== undefined;
}

/** Takes a kernel down: its command gets SIGTERM and ten seconds, then all ends. Resolves when it is gone. */
export async function endKernel(runDir: string): Promise<void> {
  const front = await connectKeeper(runDir, 0);
  front.write(encodeFrame(FrameType.end, 0));
  front.resume();
  await new Promise((gone) => front.once('close', gone));
}

function startKeeper(setUp: SetUp, { runDir, memoryMiB }: RunOptions): void {
  const boot = join(runDir, 'boot');
  mkdirSync(boot, { recursive: true });
  mkdirSync(join(setUp.cacheDir, 'compile-cache'), { recursive: true });
  const launch = planLaunch(setUp, { checkout, runDir, memoryMiB });
  const lines = Object.entries(launch.bootEnv).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(join(boot, 'boot.env'), lines.join(''));
  writeFileSync(join(boot, 'launch.json'), JSON.stringify(launch));
  copyFileSync(join(import.meta.dirname, 'init.sh'), join(boot, 'init.sh'));
  const log = openSync(join(runDir, 'keeper.log'), 'a');
  // A session of its own: Ctrl-C at the terminal reaches the command through us, and not the kernel itself.
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), runDir], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  keeper.unref();
}

async function connectKeeper(runDir: string, patienceMs: number): Promise<Socket> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const socket = await new Promise<Socket | undefined>((done) => {
      const attempt = connect(socketPath(runDir), () => done(attempt));
      attempt.once('error', () => done(undefined));
    });
    forgetSocketPath(runDir);
    if (socket !== undefined) return socket;
    if (performance.now() >= deadline) break;
    await new Promise((later) => setTimeout(later, 10));
  }
  const log = join(runDir, 'keeper.log');
  const last = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-6).join('\n') : '';
  throw new KernelFailure(
    `no lab is up in ${runDir}${last.trim() === '' ? '' : `; the end of ${log}:\n${last}`}`,
  );
}

async function converse(
  front: Socket,
  runDir: string,
  request: CommandRequest,
  options: ExecOptions = {},
): Promise<number> {
  const stdout = options.stdout ?? process.stdout;
  const stderr = options.stderr ?? process.stderr;
  const reader = new FrameReader();
  const interrupts = passInterrupts(front, options.abort);
  let code: number | undefined;
  let failure: string | undefined;
  front.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      if (frame.type === FrameType.stdout) pour(stdout, frame.payload, front);
      else if (frame.type === FrameType.stderr) pour(stderr, frame.payload, front);
      else if (frame.type === FrameType.failed) failure = JSON.parse(frame.payload.toString()).message;
      else if (frame.type === FrameType.exit || frame.type === FrameType.detach) {
        code = JSON.parse(frame.payload.toString()).code;
        // The keeper closes after the command that the kernel was started for; else it is ours to leave.
        if (!request.main || frame.type === FrameType.detach) front.end();
      }
    }
  });
  front.on('error', () => {});
  front.write(encodeJson(FrameType.run, 0, request));
  sendStdin(front, options.stdin);
  await new Promise((gone) => front.once('close', gone));
  interrupts.stop();
  if (failure !== undefined) throw new KernelFailure(`the lab's kernel failed: ${failure}`);
  if (code === undefined && interrupts.count > 0) return 130;
  if (code === undefined)
    throw new KernelFailure(
      `the lab in ${runDir} ended before the command did; see ${join(runDir, 'keeper.log')}`,
    );
  return code;
}

/** A reader that is slow (a pager) slows the command down instead of filling our memory. */
function pour(target: NodeJS.WritableStream, bytes: Buffer, front: Socket): void {
  if (target.write(bytes)) return;
  front.pause();
  target.once('drain', () => front.resume());
}

function sendStdin(front: Socket, stdin: NodeJS.ReadableStream | undefined): void {
  if (stdin === undefined) return void front.write(encodeFrame(FrameType.stdin, 0));
  stdin.on('data', (chunk: Buffer | string) => front.write(encodeFrame(FrameType.stdin, 0, chunk)));
  stdin.on('end', () => front.write(encodeFrame(FrameType.stdin, 0)));
  front.once('close', () => {
    if ('unref' in stdin) (stdin.unref as () => void)();
    stdin.pause();
  });
}

/** First Ctrl-C: the command gets SIGINT and ten seconds. Second, or too late: the connection, and so the kernel. */
function passInterrupts(front: Socket, abort: AbortSignal | undefined): { count: number; stop(): void } {
  const state = { count: 0, stop };
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    if (state.count++ > 0) return void front.destroy();
    front.write(encodeFrame(FrameType.signal, 0, 'SIGINT'));
    timer = setTimeout(() => front.destroy(), interruptDeadlineMs);
  };
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, interrupt);
  abort?.addEventListener('abort', interrupt, { once: true });
  function stop(): void {
    clearTimeout(timer);
    for (const signal of signals) process.off(signal, interrupt);
    abort?.removeEventListener('abort', interrupt);
  }
  return state;
}
