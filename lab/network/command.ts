import { spawn } from 'node:child_process';

export interface CommandOptions {
  input?: string;
  timeoutMs?: number;
  env?: Record<string, string>;
}

/** Runs a command of this kernel and gives its stdout; rejects with everything it said unless it exits 0. */
export function run(
  command: string[],
  { input, timeoutMs = 30_000, env }: CommandOptions = {},
): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.on('error', (error) => reject(new Error(`cannot run ${command.join(' ')}: ${error.message}`)));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(stdout);
      const end = signal === 'SIGKILL' ? `no answer within ${timeoutMs / 1000} s` : `exit ${code ?? signal}`;
      reject(new Error(`${command.join(' ')}: ${end}: ${(stderr + stdout).trim().slice(-2000)}`));
    });
  });
}

/** The command as it is run inside a network namespace: nsenter gives way to it, so the pid is the program's. */
export function inNamespace(netns: string, command: string[]): string[] {
  return ['nsenter', `--net=${netns}`, '--', ...command];
}
