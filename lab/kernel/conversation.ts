import type { Socket } from 'node:net';
import { join } from 'node:path';
import { KernelFailure } from './failure.ts';
import { type CommandRequest, encodeFrame, encodeJson, FrameReader, FrameType } from './frames.ts';

export interface ExecOptions {
  env?: Record<string, string>;
  /** Where the command's stdin comes from; none by default. */
  stdin?: NodeJS.ReadableStream;
  stdout?: NodeJS.WritableStream;
  stderr?: NodeJS.WritableStream;
  /** Ends the command as Ctrl-C does. */
  abort?: AbortSignal;
}

const interruptDeadlineMs = 10_000;
const doubledMs = 300;

/**
 * One command over one connection to the keeper: its output on ours, our interrupts to it, its exit code. Throws
 * KernelFailure.
 */
export async function converse(
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
  let firstMs = 0;
  const interrupt = () => {
    // One Ctrl-C may arrive twice: from the terminal and from npm.
    if (state.count > 0 && performance.now() - firstMs < doubledMs) return;
    if (state.count++ > 0) return void front.destroy();
    firstMs = performance.now();
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
