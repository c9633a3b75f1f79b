/**
 * What is wanted, what ExaBGP accepted (its RIB, by acks) and what each established peer was told (by the UPDATEs
 * that were sent). An ack alone is not proof: it comes before the UPDATE is written. Pure.
 */
import type { PrefixState } from '../../common/speaker-state.ts';
import type { Route } from '../speaker.ts';
import { announceCommand, withdrawCommand } from './commands.ts';
import type { SentRoute } from './events.ts';

export interface Step {
  prefix: string;
  command: string;
  /** undefined: a withdrawal */
  route: Route | undefined;
}

export interface Rib {
  want(routes: Route[]): void;
  /** Commands still to be sent, withdrawals first. */
  steps(): Step[];
  /** The command is on its way: until it is acknowledged, nobody knows what ExaBGP holds. */
  sending(step: Step): void;
  accepted(step: Step): void;
  /** ExaBGP ended, and with it its RIB and sessions. */
  forgetAll(): void;
  /** Commands, UPDATEs or events may be lost, so everything is said again. */
  doubtAll(): void;
  up(peer: string): void;
  down(peer: string): void;
  /** those that are up */
  peers(): string[];
  sent(peer: string, announced: SentRoute[], withdrawn: string[]): void;
  /** What some established peer was not told yet; undefined = nothing. */
  untold(): string | undefined;
  prefixes(): Record<string, PrefixState>;
}

interface Told {
  key: string;
  kind: Route['kind'];
}
const doubtful = '?';

export function createRib(): Rib {
  let wanted = new Map<string, Route>();
  const held = new Map<string, Told>();
  const peers = new Map<string, Map<string, Told>>();
  const known = new Set<string>();

  return {
    want(routes) {
      wanted = new Map(routes.map((route) => [route.prefix, route]));
      for (const prefix of wanted.keys()) known.add(prefix);
    },
    steps() {
      const gone = [...held.keys()].filter((prefix) => !wanted.has(prefix));
      const other = [...wanted.values()].filter((route) => held.get(route.prefix)?.key !== keyOf(route));
      return [
        ...gone.map((prefix) => ({ prefix, command: withdrawCommand(prefix), route: undefined })),
        ...other.map((route) => ({ prefix: route.prefix, command: announceCommand(route), route })),
      ];
    },
    sending({ prefix, route }) {
      held.set(prefix, { key: doubtful, kind: route?.kind ?? held.get(prefix)?.kind ?? 'announced' });
    },
    accepted({ prefix, route }) {
      if (route === undefined) held.delete(prefix);
      else held.set(prefix, { key: keyOf(route), kind: route.kind });
    },
    forgetAll() {
      held.clear();
      peers.clear();
    },
    doubtAll() {
      // What a peer was told stays known until it is told otherwise: an acknowledged withdrawal may never have been sent,
      // and ExaBGP sends one also of what it does not hold (rib/outgoing.py: add_to_rib).
      for (const table of [held, ...peers.values()])
        for (const [prefix, { kind }] of table) {
          table.set(prefix, { key: doubtful, kind });
          if (!held.has(prefix)) held.set(prefix, { key: doubtful, kind });
        }
    },
    up: (peer) => void peers.set(peer, new Map()),
    down: (peer) => void peers.delete(peer),
    peers: () => [...peers.keys()],
    sent(peer, announced, withdrawn) {
      const told = peers.get(peer);
      for (const prefix of withdrawn) told?.delete(prefix);
      for (const route of announced) {
        told?.set(route.prefix, {
          key: keyOf(route),
          kind: route.localPreference === 0 ? 'last-resort' : 'announced',
        });
      }
    },
    untold() {
      for (const [peer, told] of peers) {
        for (const route of wanted.values()) {
          if (told.get(route.prefix)?.key !== keyOf(route))
            return `${peer} was not told ${route.prefix} (${route.kind})`;
        }
        for (const prefix of told.keys()) {
          if (!wanted.has(prefix)) return `${peer} was not told that ${prefix} is withdrawn`;
        }
      }
      return undefined;
    },
    prefixes() {
      const states: Record<string, PrefixState> = {};
      for (const prefix of known) states[prefix] = 'withdrawn';
      for (const table of [held, ...peers.values()]) {
        for (const [prefix, { kind }] of table) if (states[prefix] !== 'announced') states[prefix] = kind;
      }
      return states;
    },
  };
}

function keyOf({ nextHop, localPreference, communities }: SentRoute | Route): string {
  return `${nextHop} ${localPreference} ${communities.join(' ')}`;
}
