import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { readTerminal } from '../setup/config.ts';
import type { SetUp } from '../setup/types.ts';
import { converse, type ExecOptions } from './conversation.ts';
import { KernelFailure } from './failure.ts';
import { encodeFrame, FrameType } from './frames.ts';
import { type Hardware, planLaunch } from './launch.ts';
import { checkout, forgetSocketPath, socketPath } from './places.ts';

export interface RunOptions {
  /** Executed in the guest with the checkout as working folder; node is Node 24. */
  command: string[];
  /** A folder of this machine, shared read-write with the guest at the same path; made if it is missing. */
  runDir: string;
  env?: Record<string, string>;
  memoryMiB?: number;
  /** Of this machine: where the kernel is kept; default: the quietest now. */
  processor?: number;
  hardware?: Hardware;
  /** Instead of this process' stdout and stderr. */
  output?: NodeJS.WritableStream;
}

export type { ExecOptions };
export { KernelFailure };

const connectDeadlineMs = 10_000;

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
  const { output } = options;
  const request = {
    argv: options.command,
    cwd: checkout,
    env: { ...(output ? {} : readTerminal(process.stdout)), ...options.env },
    main: true,
  };
  return converse(front, options.runDir, request, output ? { stdout: output, stderr: output } : {});
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

function startKeeper(setUp: SetUp, { runDir, memoryMiB, processor, hardware }: RunOptions): void {
  const boot = join(runDir, 'boot');
  mkdirSync(boot, { recursive: true });
  mkdirSync(join(setUp.cacheDir, 'compile-cache'), { recursive: true });
  const launch = planLaunch(setUp, { checkout, runDir, memoryMiB, processor, hardware });
  const lines = Object.entries(launch.bootEnv).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(join(boot, 'boot.env'), lines.join(''));
  writeFileSync(join(boot, 'launch.json'), JSON.stringify(launch));
  copyFileSync(join(import.meta.dirname, 'init.sh'), join(boot, 'init.sh'));
  const log = openSync(join(runDir, 'keeper.log'), 'a');
  // A session of its own: Ctrl-C at the terminal reaches the command through us, and not the kernel itself.
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), runDir], {
    detached: true,
    stdio: ['pipe', log, log],
  });
  keeper.unref();
  // Closed by our end, however that comes; not waited for by us.
  (keeper.stdin as Socket).on('error', () => {}).unref();
}

/** The power fails: nothing in the guest is told. Resolves when all of it is gone. */
export async function cutPower(runDir: string): Promise<void> {
  const front = await connectKeeper(runDir, 0);
  front.resume();
  const gone = new Promise((closed) => front.once('close', closed));
  process.kill(Number(readFileSync(join(runDir, 'kernel.pid'), 'utf8')), 'SIGKILL');
  await gone;
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
