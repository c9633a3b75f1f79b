/**
 * One connection to ExaBGP's helper: text commands out, one at a time, each answered by `done` or `error` (perhaps
 * after lines of its own); JSON events in between. It is always read, since ExaBGP's own writes block.
 */
import type { Socket } from 'node:net';
import { type ApiEvent, parseEvent } from './events.ts';

export interface Answer {
  ok: boolean;
  lines: string[];
}

export interface Api {
  /**
   * Rejects with NoAnswer when there is none in time or the connection ends. With `from`, everything is passed over
   * until a line that matches: answers to commands of an earlier helper. `atOnce` gets the answer before any event that
   * follows it: for answers that events overtake.
   */
  ask(command: string, options?: AskOptions): Promise<Answer>;
  close(): void;
  readonly open: boolean;
}

export interface AskOptions {
  from?: RegExp;
  atOnce?: (answer: Answer) => void;
}

export interface ApiParts {
  answerDeadlineMs: number;
  onEvent(event: ApiEvent): void;
  onClose(): void;
}

export class NoAnswer extends Error {
  readonly why: 'deadline' | 'closed';
  constructor(why: 'deadline' | 'closed', message: string) {
    super(message);
    this.why = why;
  }
}

interface Pending {
  from: RegExp | undefined;
  lines: string[];
  finish(outcome: Answer | NoAnswer): void;
}

export function openApi(socket: Socket, { answerDeadlineMs, onEvent, onClose }: ApiParts): Api {
  let pending: Pending | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let rest = '';
  let open = true;

  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) hear(line.trimEnd());
  });
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.destroy());
  socket.on('close', () => {
    open = false;
    pending?.finish(new NoAnswer('closed', 'the helper has gone'));
    onClose();
  });

  function hear(line: string): void {
    if (line.startsWith('{')) {
      onEvent(parseEvent(line));
      return;
    }
    if (pending === undefined) return;
    if (pending.from !== undefined) {
      if (pending.from.test(line)) pending.from = undefined;
      return;
    }
    if (line === 'done' || line === 'error') pending.finish({ ok: line === 'done', lines: pending.lines });
    else pending.lines.push(line);
  }

  function say(command: string, { from, atOnce }: AskOptions): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (!open) return reject(new NoAnswer('closed', 'the helper has gone'));
      const tooLate = new NoAnswer('deadline', `no answer in ${answerDeadlineMs / 1_000} s to: ${command}`);
      const timer = setTimeout(() => pending?.finish(tooLate), answerDeadlineMs);
      pending = {
        from,
        lines: [],
        finish(outcome) {
          clearTimeout(timer);
          pending = undefined;
          if (outcome instanceof NoAnswer) return reject(outcome);
          atOnce?.(outcome);
          resolve(outcome);
        },
      };
      socket.write(`${command}\n`);
    });
  }

  return {
    ask(command, options = {}) {
      const answer = last.then(() => say(command, options));
      last = answer.catch(() => undefined);
      return answer;
    },
    close: () => void socket.destroy(),
    get open() {
      return open;
    },
  };
}
