/** Runs the state machine of announce.ts against the clock: events in, what is to be told and the end out. */
import { type Action, type AnnounceEvent, type AnnounceState, decide, startAnnouncing } from './announce.ts';

export type Tell = Extract<Action, { type: 'tell' }>;
export type Ending = Extract<Action, { type: 'exit' }>['why'];

export interface Announcer {
  handle(event: AnnounceEvent): void;
  readonly state: AnnounceState;
  readonly lastTurnMs: number;
}

export interface AnnouncerParts {
  lastResortMs: number;
  nowMs(): number;
  onTell(tell: Tell): void;
  onEnd(why: Ending): void;
}

const longestTimerMs = 2 ** 31 - 1;

export function createAnnouncer({ lastResortMs, nowMs, onTell, onEnd }: AnnouncerParts): Announcer {
  let state = startAnnouncing(lastResortMs);
  let lastTurnMs = nowMs();
  let wake: NodeJS.Timeout | undefined;

  function handle(event: AnnounceEvent): void {
    lastTurnMs = nowMs();
    const decision = decide(state, event, nowMs());
    state = decision.state;
    for (const action of decision.actions) act(action);
  }

  function act(action: Action): void {
    if (action.type === 'wait') {
      clearTimeout(wake);
      // a millisecond more: a timer may fire a little early
      const restMs = Math.min(action.untilMs - nowMs() + 1, longestTimerMs);
      wake = setTimeout(() => handle({ type: 'tick' }), restMs);
    } else if (action.type === 'tell') onTell(action);
    else {
      clearTimeout(wake);
      onEnd(action.why);
    }
  }

  return {
    handle,
    get state() {
      return state;
    },
    get lastTurnMs() {
      return lastTurnMs;
    },
  };
}
