/** How long ExaBGP and the peers may take, before something is done about it. */
import type { LinkDeadlines } from './link.ts';
import type { TellerDeadlines } from './teller.ts';

export interface Deadlines extends LinkDeadlines, TellerDeadlines {
  beatMs: number;
  askSessionsMs: number;
  reloadMs: number;
  /** without any session: a fresh ExaBGP tries again at once, an old one waits up to 60 s between attempts (its delay.py) */
  noSessionMs: number;
}

export const usualDeadlines: Deadlines = {
  // a little less than the usual hold time: a machine that is slower than that has no session anyway
  answerMs: 8_000,
  startMs: 60_000,
  helperMs: 10_000,
  tellMs: 5_000,
  refusedMs: 10_000,
  beatMs: 500,
  askSessionsMs: 5_000,
  reloadMs: 3_000,
  noSessionMs: 30_000,
};
