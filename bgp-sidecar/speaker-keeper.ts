/** The speaker that the settings ask for, or none: made, changed and ended as they change, again and again until it works. */
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import type { Route, Speaker, SpeakerEvents, SpeakerSettings, SpeakerStatus } from './speaker.ts';

const retryMs = 5_000;
const silent: SpeakerStatus = { prefixes: {}, peers: {} };

export interface SpeakerKeeper {
  /** undefined: no speaker. The routes are known to it before it has a session. */
  configure(settings: SpeakerSettings | undefined): void;
  set(routes: Route[]): void;
  status(): SpeakerStatus;
  stop(how: 'ask' | 'kill'): Promise<void>;
}

export interface KeeperParts {
  log: Logger;
  events: SpeakerEvents;
  makeSpeaker(events: SpeakerEvents): Speaker;
}

export function keepSpeaker({ log, events, makeSpeaker }: KeeperParts): SpeakerKeeper {
  let speaker: Speaker | undefined;
  let wanted: SpeakerSettings | undefined;
  let routes: Route[] = [];
  let turn: Promise<void> = Promise.resolve();
  let retry: NodeJS.Timeout | undefined;
  let told = '';

  async function configure(): Promise<void> {
    try {
      if (wanted === undefined) {
        const last = speaker;
        speaker = undefined;
        await last?.stop('ask');
      } else {
        speaker ??= makeSpeaker(events);
        speaker.set(routes);
        await speaker.configure(wanted);
      }
      told = '';
    } catch (error) {
      const why = reasonOf(error);
      if (why !== told) log.error('speaker', {}, why);
      told = why;
      retry = setTimeout(next, retryMs);
    }
    events.changed();
  }

  function next(): void {
    clearTimeout(retry);
    turn = turn.then(configure);
  }

  return {
    configure(settings) {
      wanted = settings;
      next();
    },
    set(given) {
      routes = given;
      speaker?.set(given);
    },
    status: () => speaker?.status() ?? silent,
    async stop(how) {
      clearTimeout(retry);
      await speaker?.stop(how);
    },
  };
}
