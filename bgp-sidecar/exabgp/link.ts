/**
 * The link to ExaBGP through its helper: who is connected, what is asked, and what is done when nobody answers.
 * First the helper is killed (ExaBGP starts another); when that does not help, ExaBGP.
 */
import type { Socket } from 'node:net';
import type { FaultKind } from '../speaker.ts';
import { type Answer, type Api, type AskOptions, NoAnswer, openApi } from './api.ts';
import { askSessions, parseSessions, sessionsHeader } from './commands.ts';
import type { ApiEvent } from './events.ts';

export interface LinkDeadlines {
  answerMs: number;
  /** from the start of ExaBGP, or the end of a helper, to the next helper */
  startMs: number;
  helperMs: number;
}

export interface LinkParts {
  deadlines: LinkDeadlines;
  nowMs(): number;
  onEvent(event: ApiEvent): void;
  /** The helper answers. `again`: there was one before, and what it had in hand may be lost. */
  onReady(established: Set<string>, again: boolean): void;
  /** Addresses of the peers whose session is established, in answer to askSessions. */
  onSessions(established: Set<string>): void;
  onFault(kind: FaultKind, why: string): void;
  killHelpers(): void;
  killSpeaker(): void;
}

export interface Link {
  accept(socket: Socket): void;
  /** undefined: no answer; what is to be done about it has begun */
  ask(command: string): Promise<Answer | undefined>;
  /** The answer comes by onSessions. */
  askSessions(): Promise<void>;
  /** ExaBGP was started: its helper is due. */
  expect(): void;
  /** ExaBGP has ended. */
  reset(): void;
  /** Time has passed. */
  beat(): void;
  readonly ready: boolean;
}

export function createLink(parts: LinkParts): Link {
  const { deadlines, nowMs, onEvent, onReady, onFault } = parts;
  let api: Api | undefined;
  let ready = false;
  let greeted = false;
  let killedHelper = false;
  let dueMs: number | undefined;

  function accept(socket: Socket): void {
    api?.close();
    const current = openApi(socket, {
      answerDeadlineMs: deadlines.answerMs,
      onEvent,
      onClose: () => closed(current),
    });
    api = current;
    ready = false;
    dueMs = undefined;
    void greet(current);
  }

  async function greet(current: Api): Promise<void> {
    const again = greeted;
    greeted = true;
    // an empty line ends a command that the last helper left half-said
    await ask(`${again ? '\n' : ''}${askSessions}`, {
      from: sessionsHeader,
      atOnce({ lines }) {
        if (api !== current) return;
        killedHelper = false;
        ready = true;
        onReady(parseSessions(lines), again);
      },
    });
  }

  function closed(current: Api): void {
    if (api !== current) return;
    api = undefined;
    ready = false;
    dueMs = nowMs() + deadlines.helperMs;
    if (!killedHelper) onFault('helper-death', 'its helper ended; it starts another');
  }

  async function ask(command: string, options?: AskOptions): Promise<Answer | undefined> {
    const current = api;
    try {
      return await current?.ask(command, options);
    } catch (error) {
      if (error instanceof NoAnswer && error.why === 'deadline' && api === current) unanswered(error.message);
      return undefined;
    }
  }

  function unanswered(why: string): void {
    if (killedHelper) {
      onFault('speaker-stuck', `${why}, and a new helper did not help: ExaBGP is killed and started again`);
      parts.killSpeaker();
      return;
    }
    killedHelper = true;
    onFault('helper-stuck', `${why}: its helper is killed`);
    parts.killHelpers();
    api?.close();
  }

  return {
    accept,
    ask: (command) => ask(command),
    askSessions: async () => {
      await ask(askSessions, {
        from: sessionsHeader,
        atOnce: ({ lines }) => parts.onSessions(parseSessions(lines)),
      });
    },
    expect() {
      dueMs = nowMs() + deadlines.startMs;
    },
    reset() {
      const last = api;
      api = undefined;
      ready = false;
      greeted = false;
      killedHelper = false;
      dueMs = undefined;
      last?.close();
    },
    beat() {
      if (dueMs === undefined || nowMs() < dueMs) return;
      dueMs = undefined;
      onFault('speaker-stuck', 'no helper came in time: ExaBGP is killed and started again');
      parts.killSpeaker();
    },
    get ready() {
      return ready;
    },
  };
}
