/** keepalived's own check of a configuration, `--config-test`. */
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';

export interface ConfigTest {
  readonly ok: boolean;
  /** What keepalived said. */
  readonly output: string;
  /** keepalived could not be run, or did not come to an end: nothing is known about the configuration. */
  readonly undecided?: true;
}

const keptOutputBytes = 16_384;

/**
 * Warnings that are no fault of the configuration, each of them by itself making exit code 5:
 * all servers draining (total weight 0: keepalived lowers the quorum by itself), and a port without any server.
 */
const harmless = [
  /^Warning - quorum \d+ for FWM \d+ exceeds total weight of real servers \d+,/,
  /^Virtual server FWM \d+: hysteresis \d+ >= quorum \d+;/,
  /Virtual server FWM \d+ has no real servers - ignoring$/,
];

export interface ConfigTestOptions {
  readonly program?: string;
  readonly deadlineMs?: number;
}

export const defaultDeadlineMs = 10_000;

/** Never throws. */
export async function testConfiguration(
  file: string,
  { program = 'keepalived', deadlineMs = defaultDeadlineMs }: ConfigTestOptions = {},
): Promise<ConfigTest> {
  return (
    (await refuseHollow(file)) ??
    judge(await run(program, ['--all-config', '--config-test', '--use-file', file], deadlineMs))
  );
}

/** keepalived gives exit code 0 for a main file that is empty or missing, which would wipe every rule. */
export async function refuseHollow(file: string): Promise<ConfigTest | undefined> {
  const size = await stat(file).then(
    (found) => found.size,
    () => undefined,
  );
  return size ? undefined : { ok: false, output: `${file} is ${size === 0 ? 'empty' : 'missing'}` };
}

/** Exit code 0 alone is not enough: an included file that is missing may give it too (main.c config_test_exit). */
export function judge({ code, output, failure }: Run): ConfigTest {
  if (failure) return { ok: false, output: [failure, output].filter(Boolean).join('\n'), undecided: true };
  const faults = output.split('\n').filter((line) => line && !harmless.some((words) => words.test(line)));
  const passed = code === 0 || code === 5;
  if (passed && faults.length === 0) return { ok: true, output };
  return {
    ok: false,
    output: faults.join('\n') || `keepalived --config-test ended with code ${code} and said nothing`,
    // setpriv (util-linux), as a shell: the program could not be executed
    ...(code === 126 || code === 127 ? { undecided: true } : {}),
  };
}

/** One run of --config-test: how it ended, or why it did not. */
export interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly failure?: string;
}

function run(program: string, args: string[], deadlineMs: number): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let failure: string | undefined;
    const timer = setTimeout(() => {
      failure = `${program} --config-test gave no answer within ${deadlineMs} ms and was killed`;
      child.kill('SIGKILL');
    }, deadlineMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        if (output.length < keptOutputBytes) output = (output + chunk.toString()).slice(0, keptOutputBytes);
      });
    }
    const finish = (code: number | null) => {
      clearTimeout(timer);
      resolve(
        failure === undefined ? { code, output: output.trim() } : { code, output: output.trim(), failure },
      );
    };
    child.once('error', (error) => {
      failure = `${program} cannot be started (${error.message}): is it installed?`;
      finish(null);
    });
    child.once('close', (code, signal) => {
      if (signal && !failure) failure = `${program} --config-test was killed by ${signal}`;
      finish(code);
    });
  });
}
