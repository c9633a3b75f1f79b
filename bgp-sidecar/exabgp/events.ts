/** ExaBGP's JSON events, as far as the sidecar believes them. Pure. */

export type ApiEvent =
  /** the TCP connection opened, or so ExaBGP thinks: it says so of refused ones too */
  | { type: 'connected' | 'up'; peer: string }
  | { type: 'down'; peer: string; reason: string }
  /** an UPDATE was written to the peer's socket */
  | { type: 'sent'; peer: string; announced: SentRoute[]; withdrawn: string[] }
  | { type: 'other' };

export interface SentRoute {
  prefix: string;
  nextHop: string;
  localPreference: number;
  communities: string[];
}

export function parseEvent(line: string): ApiEvent {
  let event: RawEvent;
  try {
    event = JSON.parse(line) as RawEvent;
  } catch {
    return salvage(line);
  }
  const peer = event.neighbor?.address?.peer;
  if (peer === undefined) return { type: 'other' };
  if (event.type === 'state') return stateEvent(peer, event.neighbor?.state, event.neighbor?.reason);
  if (event.type === 'update' && event.neighbor?.direction === 'send') {
    const update = event.neighbor.message?.update;
    return { type: 'sent', peer, announced: announcedIn(update), withdrawn: withdrawnIn(update) };
  }
  return { type: 'other' };
}

interface RawEvent {
  type?: string;
  neighbor?: {
    address?: { peer?: string };
    state?: string;
    reason?: string;
    direction?: string;
    message?: { update?: RawUpdate };
  };
}

type Nlri = { nlri: string };
interface RawUpdate {
  attribute?: { 'local-preference'?: number; community?: [number, number][] };
  announce?: Record<string, Record<string, Nlri[]>>;
  withdraw?: Record<string, Nlri[]>;
}

const family = 'ipv4 unicast';

function announcedIn(update: RawUpdate | undefined): SentRoute[] {
  const localPreference = update?.attribute?.['local-preference'] ?? Number.NaN;
  const communities = (update?.attribute?.community ?? []).map((pair) => pair.join(':')).sort();
  return Object.entries(update?.announce?.[family] ?? {}).flatMap(([nextHop, nlris]) =>
    nlris.map(({ nlri }) => ({ prefix: nlri, nextHop, localPreference, communities })),
  );
}

function withdrawnIn(update: RawUpdate | undefined): string[] {
  return (update?.withdraw?.[family] ?? []).map(({ nlri }) => nlri);
}

function stateEvent(peer: string, state: string | undefined, reason: string | undefined): ApiEvent {
  if (state === 'up' || state === 'connected') return { type: state, peer };
  if (state === 'down') return { type: 'down', peer, reason: reason ?? '' };
  return { type: 'other' };
}

/** A reason may hold what breaks ExaBGP's hand-made JSON (a peer's own words): the state must not be lost with it. */
function salvage(line: string): ApiEvent {
  const peer = /"peer": "([0-9.]+)"/.exec(line)?.[1];
  const state = /"state": "(\w+)"/.exec(line)?.[1];
  if (peer === undefined) return { type: 'other' };
  return stateEvent(peer, state, /"reason": "(.*)/.exec(line)?.[1]);
}
