/** How long ExaBGP and the peers may take, before something is done about it. */
import type { ConfigurationDeadlines } from './configuration.ts';
import type { LinkDeadlines } from './link.ts';
import type { PulseDeadlines } from './pulse.ts';
import type { TellerDeadlines } from './teller.ts';

export interface Deadlines extends ConfigurationDeadlines, LinkDeadlines, PulseDeadlines, TellerDeadlines {}

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
  // ExaBGP connects again within two seconds (starter.ts); a reflector may make it wait a little (BIRD: error wait time)
  againMs: 15_000,
  noSessionMs: 30_000,
};
