/** What the log says of sessions: each change once, and what is down once a minute. */
import type { Logger } from '../common/log.ts';
import { namePeer, type PeerStatus } from './speaker.ts';

const firstAfterMs = 10_000;
const everyMs = 60_000;

export interface SessionReport {
  changed(peer: string, status: PeerStatus): void;
  /** Time has passed. */
  tick(peers: Record<string, PeerStatus>, nowMs: number): void;
}

export function createSessionReport(log: Logger): SessionReport {
  /** What was said of a peer since it was up last: reasons that alternate are not news. */
  const said = new Map<string, Set<string>>();
  let reportedAtMs = -Infinity;

  return {
    changed(peer, { up, host, problem }) {
      if (up) {
        said.delete(peer);
        log.info('session', { peer }, `session with peer ${namePeer(peer, host)} is up`);
        return;
      }
      const before = said.get(peer) ?? new Set();
      if (problem === undefined || before.has(problem)) return;
      said.set(peer, before.add(problem));
      log.warn('session', { peer }, `no session: ${problem}`);
    },
    tick(peers, nowMs) {
      const down = Object.entries(peers).filter(([, { up }]) => !up);
      if (down.length === 0) reportedAtMs = -Infinity;
      const old = down.filter(([, { sinceMs }]) => nowMs - sinceMs >= firstAfterMs);
      if (old.length === 0 || nowMs - reportedAtMs < everyMs) return;
      reportedAtMs = nowMs;
      const lines = old.map(
        ([, { sinceMs, problem }]) => `${problem} (for ${Math.round((nowMs - sinceMs) / 1_000)} s)`,
      );
      const all = Object.keys(peers).length;
      log.warn(
        'sessions-down',
        { down: down.length, peers: all },
        `${down.length} of ${all} sessions are down: ${lines.join('; ')}`,
      );
    },
  };
}
