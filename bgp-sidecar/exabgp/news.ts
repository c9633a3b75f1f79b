/** News of the peers, from ExaBGP's events and from its own list of sessions: events may be lost with a helper. */
import type { ApiEvent } from './events.ts';
import type { Rib } from './rib.ts';
import type { Sessions } from './sessions.ts';

export interface NewsParts {
  rib: Rib;
  sessions: Sessions;
  isStopping(): boolean;
  /** A session was missed: what its peer was told is in doubt. */
  onMissed(): void;
  onChange(): void;
}

export interface News {
  hear(event: ApiEvent): void;
  /** Addresses of all peers whose session is established: the truth. */
  believe(established: Set<string>): void;
  /** Peers were taken away: their end may not be told. */
  forgetGone(): void;
  /** ExaBGP ended. */
  lose(): void;
}

export function createNews({ rib, sessions, isStopping, onMissed, onChange }: NewsParts): News {
  const up = (peer: string) => {
    rib.up(peer);
    sessions.up(peer);
  };
  return {
    hear(event) {
      if (event.type === 'up') up(event.peer);
      else if (event.type === 'down') {
        rib.down(event.peer);
        if (isStopping()) sessions.lose('the sidecar is stopping');
        else sessions.down(event.peer, event.reason);
      } else if (event.type === 'sent') rib.sent(event.peer, event.announced, event.withdrawn);
      else return;
      onChange();
    },
    believe(established) {
      for (const peer of rib.peers()) if (!established.has(peer)) rib.down(peer);
      for (const peer of Object.keys(sessions.status())) {
        if (!established.has(peer) || sessions.upSinceMs(peer) !== undefined) continue;
        up(peer);
        onMissed();
      }
      sessions.lose('the session ended unseen', established);
      onChange();
    },
    forgetGone() {
      const known = sessions.status();
      for (const peer of rib.peers()) if (!(peer in known)) rib.down(peer);
    },
    lose() {
      rib.forgetAll();
      sessions.lose(isStopping() ? 'the sidecar is stopping' : 'ExaBGP ended, and its sessions with it');
      onChange();
    },
  };
}
