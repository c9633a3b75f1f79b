/**
 * Which definition each neighbor of ExaBGP has next: sessions that must begin anew do so one after the other, and one
 * that nobody wants any more goes when another carries the routes. Pure; times are milliseconds of monotonicMs().
 */
import type { SpeakerPeer } from '../speaker.ts';

export interface Neighbor {
  peer: SpeakerPeer;
  /** of the configuration file: a session whose definition is another begins anew */
  text: string;
}

/** by address */
export type Neighbors = ReadonlyMap<string, Neighbor>;

export interface Roll {
  neighbors: Neighbors;
  /** those that have begun, and are waited for: since when */
  begun: ReadonlyMap<string, number>;
}

export interface RollFacts {
  /** undefined: the session is down */
  upSinceMs(address: string): number | undefined;
  nowMs: number;
  /** so long a session has to come up before it is the turn of the next */
  patienceMs: number;
}

export const noNeighbors: Roll = { neighbors: new Map(), begun: new Map() };

export function rollOn(before: Roll, wanted: Neighbors, { upSinceMs, nowMs, patienceMs }: RollFacts): Roll {
  const isUp = (address: string) => upSinceMs(address) !== undefined;
  const cameUp = (address: string, sinceMs: number) => (upSinceMs(address) ?? -1) >= sinceMs;
  const begun = new Map(
    [...before.begun].filter(
      ([address, sinceMs]) =>
        wanted.has(address) && !cameUp(address, sinceMs) && nowMs - sinceMs < patienceMs,
    ),
  );
  const neighbors = new Map<string, Neighbor>();
  const toRestart: [string, Neighbor][] = [];
  for (const [address, neighbor] of wanted) {
    const held = before.neighbors.get(address);
    if (held !== undefined && held.text !== neighbor.text && isUp(address)) {
      neighbors.set(address, held);
      toRestart.push([address, neighbor]);
    } else {
      neighbors.set(address, neighbor);
      // what is down has nothing to lose
      if (held?.text !== neighbor.text) begun.set(address, nowMs);
    }
  }
  const [next] = toRestart;
  if (next !== undefined && begun.size === 0) {
    neighbors.set(...next);
    begun.set(next[0], nowMs);
  }
  const carried = [...wanted.keys()].some((address) => isUp(address) && !begun.has(address));
  for (const [address, neighbor] of before.neighbors) {
    if (!wanted.has(address) && isUp(address) && !carried && begun.size > 0) neighbors.set(address, neighbor);
  }
  return { neighbors, begun };
}

export function sameNeighbors(a: Neighbors, b: Neighbors): boolean {
  return a.size === b.size && [...a].every(([address, { text }]) => b.get(address)?.text === text);
}
