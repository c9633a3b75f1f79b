/** What announces and withdraws: ExaBGP now (exabgp/); another behind the same interface changes nothing else. */
import type { PrefixState } from '../common/speaker-state.ts';

/** A VIP prefix as the peers shall know it. */
export interface Route {
  prefix: string;
  nextHop: string;
  kind: 'announced' | 'last-resort';
  localPreference: number;
  /** RFC 1997, `64512:100` */
  communities: string[];
}

export interface SpeakerPeer {
  address: string;
  /** the name that it was found by, for people */
  host?: string | undefined;
  port: number;
  peerAS: number;
  /** TCP MD5 (RFC 2385); never logged */
  password?: string | undefined;
}

export interface SpeakerSettings {
  localAS: number;
  holdSeconds: number;
  /** router-id and local address: the pod's own */
  address: string;
  peers: SpeakerPeer[];
}

export interface PeerStatus {
  up: boolean;
  host?: string | undefined;
  /** monotonicMs() of the last change */
  sinceMs: number;
  /** while it is down: why, in words */
  problem?: string | undefined;
}

/** failed: an attempt at a session */
export type SessionChange = 'up' | 'down' | 'failed';

/** Why something had to be mended; counted by kind. */
export type FaultKind =
  | 'speaker-death'
  | 'speaker-stuck'
  | 'helper-death'
  | 'helper-stuck'
  | 'command-refused'
  | 'untold'
  | 'no-session';

export interface SpeakerStatus {
  /** what peers were told, or would be as soon as one is up; withdrawn: none knows it and none would be told */
  prefixes: Record<string, PrefixState>;
  peers: Record<string, PeerStatus>;
  /** undefined: every established peer was told what is wanted; else what is missing */
  unsettled?: string | undefined;
}

export interface SpeakerEvents {
  /** anything in status() may have changed */
  changed(): void;
  session(peer: string, status: PeerStatus, change: SessionChange): void;
  fault(kind: FaultKind): void;
}

export interface Speaker {
  /** Starts the speaker, or changes it with the least harm: a session that need not restart does not. */
  configure(settings: SpeakerSettings): Promise<void>;
  /** All routes wanted from now on: what is not among them is withdrawn, and that first. */
  set(routes: Route[]): void;
  status(): SpeakerStatus;
  /** Ends the speaker and its sessions; never rejects. `kill`: it is not asked, since it did not listen. */
  stop(how: 'ask' | 'kill'): Promise<void>;
}

/** A peer in words: its address, and its name where it has one. */
export function namePeer(address: string, host: string | undefined): string {
  return host === undefined ? address : `${address} (${host})`;
}
