/** The session with each peer: up or down since when, and why, in words. */
import type { PeerStatus, SessionChange, SpeakerSettings } from '../speaker.ts';
import { explainDown, explainSilence } from './reasons.ts';

/** How long a NOTIFICATION explains the closed connections after it. */
const notificationLastsMs = 90_000;

export interface Sessions {
  /** Peers of the settings; those that are new are down, those that are gone are forgotten. */
  configure(settings: SessionsSettings): void;
  up(peer: string): void;
  down(peer: string, reason: string): void;
  /** The speaker ended, or does not know of the session: whatever was up is down. */
  lose(why: string, stillUp?: Set<string>): void;
  readonly anyUp: boolean;
  /** undefined: it is down */
  upSinceMs(peer: string): number | undefined;
  status(): Record<string, PeerStatus>;
}

export type SessionsSettings = Pick<SpeakerSettings, 'localAS' | 'address' | 'peers'>;

interface Entry extends PeerStatus {
  notifiedAtMs: number;
}

export interface SessionsParts {
  nowMs(): number;
  onChange(peer: string, status: PeerStatus, change: SessionChange): void;
}

export function createSessions({ nowMs, onChange }: SessionsParts): Sessions {
  let settings: SessionsSettings | undefined;
  let entries = new Map<string, Entry>();
  const peerOf = (address: string) => settings?.peers.find((peer) => peer.address === address);

  function change(peer: string, up: boolean, problem: string | undefined, notifiedAtMs: number): void {
    const before = entries.get(peer);
    if (before === undefined) return;
    const sinceMs = before.up === up ? before.sinceMs : nowMs();
    entries.set(peer, { up, sinceMs, problem, notifiedAtMs });
    const { host } = peerOf(peer) ?? {};
    const status = { up, sinceMs, host, problem };
    if (before.up !== up) onChange(peer, status, up ? 'up' : 'down');
    else if (!up) onChange(peer, status, 'failed');
  }

  return {
    configure(given) {
      settings = given;
      entries = new Map(
        given.peers.map((peer) => [
          peer.address,
          entries.get(peer.address) ?? {
            up: false,
            sinceMs: nowMs(),
            problem: explainSilence({ peer, address: given.address }),
            notifiedAtMs: -Infinity,
          },
        ]),
      );
    },
    up: (peer) => change(peer, true, undefined, -Infinity),
    down(address, reason) {
      const before = entries.get(address);
      const peer = peerOf(address);
      if (before === undefined || peer === undefined || settings === undefined) return;
      const facts = { peer, localAS: settings.localAS, address: settings.address, wasUp: before.up };
      const { words, from } = explainDown(reason, facts);
      if (from === 'notification') return change(address, false, words, nowMs());
      const stillExplained = !before.up && nowMs() - before.notifiedAtMs < notificationLastsMs;
      change(address, false, stillExplained ? before.problem : words, before.notifiedAtMs);
    },
    lose(why, stillUp = new Set()) {
      for (const [peer, { up, notifiedAtMs }] of entries) {
        if (up && !stillUp.has(peer)) change(peer, false, why, notifiedAtMs);
      }
    },
    get anyUp() {
      return [...entries.values()].some(({ up }) => up);
    },
    upSinceMs(peer) {
      const entry = entries.get(peer);
      return entry?.up ? entry.sinceMs : undefined;
    },
    status() {
      const told: Record<string, PeerStatus> = {};
      for (const [peer, { up, sinceMs, problem }] of entries)
        told[peer] = { up, sinceMs, host: peerOf(peer)?.host, problem };
      return told;
    },
  };
}
