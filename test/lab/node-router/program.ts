/** A program inside one of the namespaces, with all that it said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { inNamespace } from '../../../lab/network/command.ts';
import { netnsPath } from '../../../lab/network/namespaces.ts';
import { waitFor } from '../../../lab/wait.ts';

export class Program {
  readonly process: ChildProcess;
  output = '';

  constructor(namespace: string, command: string[], env: Record<string, string> = {}) {
    const [program = '', ...args] = inNamespace(netnsPath(namespace), command);
    this.process = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  async said(words: string): Promise<void> {
    await waitFor(`"${words}"`, () => this.output.includes(words) || { notYet: this.output.slice(-2_000) }, {
      deadlineMs: 20_000,
    });
  }

  /** How many lines have the words. */
  times(words: string): number {
    return this.output.split('\n').filter((line) => line.includes(words)).length;
  }

  /** When the log first told of the event, by the wall clock. */
  toldAtMs(event: string): number {
    const lines = this.output.split('\n').filter((line) => line.includes(`"event":"${event}"`));
    return Date.parse((JSON.parse(lines[0] ?? '{}') as { time?: string }).time ?? '');
  }

  /** The exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    if (this.process.exitCode !== null) return this.process.exitCode;
    if (this.process.signalCode !== null) return this.process.signalCode;
    const closed = once(this.process, 'close');
    this.process.kill(signal);
    const [code, by] = (await closed) as [number | null, string | null];
    return code ?? by ?? 'nothing';
  }
}
