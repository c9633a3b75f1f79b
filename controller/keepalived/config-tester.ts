/**
 * keepalived's own check, with the program started ahead of time. Loading keepalived and its thirty libraries
 * takes longer than all else between an endpoint's change and the kernel, so one `--config-test` waits: its log
 * file is a FIFO, which it opens before it reads any configuration (main.c, option t), and that open blocks until
 * someone reads. A test then is: point `candidate` at the staged set, open the FIFO, read words and exit code.
 * Where none waits, as at the controller's own start, a fresh one is started: the result is the same.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  type ConfigTest,
  type ConfigTestOptions,
  defaultDeadlineMs,
  judge,
  type Run,
  refuseHollow,
  testConfiguration,
} from './config-test.ts';
import { mainFile, pointTo } from './file-set.ts';

export interface ConfigTester {
  /** `directory` lies in `generations/` of the run directory. Never throws. */
  test(directory: string): Promise<ConfigTest>;
  close(): void;
}

/** The next one is loaded when the reload that follows a test is over. */
const settleMs = 50;
/** The first one not while the LB pod starts: everything else there is in more of a hurry. */
const firstAfterMs = 2000;

export interface ConfigTesterOptions extends ConfigTestOptions {
  readonly firstAfterMs?: number;
}

export function createConfigTester(runDir: string, options: ConfigTesterOptions = {}): ConfigTester {
  const { program = 'keepalived', deadlineMs = defaultDeadlineMs } = options;
  const fifo = join(runDir, `config-test.${process.pid}.fifo`);
  const candidate = join(runDir, 'candidate');
  let waiting: ChildProcess | undefined;
  let closed = false;
  const firstAtMs = performance.now() + (options.firstAfterMs ?? firstAfterMs);

  for (const name of readdirSync(runDir)) if (/^config-test\..*fifo$/.test(name)) rmSync(join(runDir, name));

  const prepare = async () => {
    await sleep(Math.max(settleMs, firstAtMs - performance.now()), undefined, { ref: false });
    if (closed || waiting) return;
    if (!existsSync(fifo)) await promisify(execFile)('mkfifo', ['-m', '600', fifo]);
    const options = ['--all-config', `--config-test=${fifo}`, '--use-file', join(candidate, mainFile)];
    // without setpriv none is started ahead: nothing would end it when the controller is killed
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...options], { stdio: 'ignore' });
    const forget = () => {
      if (waiting === child) waiting = undefined;
    };
    child.once('error', forget).once('exit', forget).unref();
    waiting = child;
  };
  let preparing = false;
  const prepareSoon = () => {
    if (preparing) return;
    preparing = true;
    void prepare()
      .catch(() => undefined)
      .finally(() => {
        preparing = false;
      });
  };
  prepareSoon();

  /** The waiting one's verdict; undefined where none waits. */
  const ask = async (directory: string): Promise<Run | undefined> => {
    const child = waiting;
    if (child?.pid === undefined) return undefined;
    try {
      pointTo(candidate, basename(directory));
    } catch {
      return undefined;
    }
    waiting = undefined;
    return finish(child, fifo, deadlineMs);
  };

  return {
    async test(directory) {
      const file = join(directory, mainFile);
      const hollow = await refuseHollow(file);
      if (hollow) return hollow;
      const run = await ask(directory);
      const result = run ? judge(run) : await testConfiguration(file, options);
      prepareSoon();
      return result;
    },
    close() {
      closed = true;
      waiting?.kill('SIGKILL');
      rmSync(fifo, { force: true });
    },
  };
}

/**
 * undefined: it was killed, or gave up without a word, perhaps while it waited and before it read anything: a fresh
 * one tells whether the set is the reason.
 */
async function finish(child: ChildProcess, fifo: string, deadlineMs: number): Promise<Run | undefined> {
  const mode = constants.O_RDWR | constants.O_NONBLOCK;
  let output = '';
  const hear = (text: string) => {
    output = (output + text).slice(0, 16_384);
  };
  child.ref();
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  const rest = openSync(fifo, mode);
  const socket = new Socket({ fd: openSync(fifo, mode), readable: true, writable: false });
  socket.setEncoding('utf8').on('data', hear);
  let failure: string | undefined;
  const timer = setTimeout(() => {
    failure = `keepalived --config-test gave no answer within ${deadlineMs} ms and was killed`;
    child.kill('SIGKILL');
  }, deadlineMs);
  const { code, signal } = await exited;
  clearTimeout(timer);
  readRest(rest, hear);
  socket.destroy();
  closeSync(rest);
  if (!failure && (signal || (code !== 0 && output.trim() === ''))) return undefined;
  return failure === undefined ? { code, output: output.trim() } : { code, output: output.trim(), failure };
}

function readRest(fd: number, hear: (text: string) => void): void {
  const buffer = Buffer.alloc(65536);
  try {
    for (let size = 1; size > 0; hear(buffer.toString('utf8', 0, size))) size = readSync(fd, buffer);
  } catch {
    // EAGAIN: empty
  }
}
