/** Runs one program of the image to its end. */
import { execFile } from 'node:child_process';
import { systemCode } from '../../common/problem.ts';
import { problems } from './errors.ts';

const timeoutMs = 10_000;

export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Throws Problem if the program is not there or does not end; a refusal is a result. */
export function runCommand(file: string, args: readonly string[], stdin = ''): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 } as const;
    const refuseStart = (error: Error) =>
      reject(problems.COMMAND_UNSTARTABLE(file, systemCode(error) ?? error.message));
    try {
      const child = execFile(file, args, options, (error, stdout, stderr) => {
        if (systemCode(error) === 'ENOENT') reject(problems.COMMAND_MISSING(file));
        else if (error?.killed) reject(problems.COMMAND_SLOW([file, ...args].join(' '), timeoutMs));
        else if (error && child.pid === undefined) refuseStart(error);
        else resolve({ ok: error === null, stdout, stderr: stderr || (error?.message ?? '') });
      });
      child.stdin?.on('error', () => undefined); // EPIPE: it ended before it read everything, its exit code tells
      child.stdin?.end(stdin);
    } catch (error) {
      // spawn tells by event of ENOENT, EACCES, EAGAIN, EMFILE and ENFILE only; of ENOMEM it throws
      refuseStart(error as Error);
    }
  });
}
