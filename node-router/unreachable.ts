/** LB pods whose address no interface of this node leads to: tried again with back-off, or when links change. */
import { type Backoff, nextBackoff } from './core/backoff.ts';
import type { Note } from './core/types.ts';
import { problems } from './errors.ts';

/** An LB pod whose interface comes within a moment of its manifest is not worth a line. */
const failuresTold = 3;

export interface Unreachable {
  /** Those that are not to be tried again yet. */
  waiting(): Set<string>;
  missed(addresses: readonly string[], prefix: string, code: string): void;
  reached(addresses: readonly string[]): void;
  /** Forgets all others: their LB pods are gone. */
  keepOnly(addresses: ReadonlySet<string>): void;
  retryNow(): void;
  describe(): Note[];
  /** When the next one is due, of those that are later than this; Infinity when there is none. */
  nextRetryAtMs(afterMs: number): number;
  readonly size: number;
}

export function createUnreachable(nowMs: () => number): Unreachable {
  const known = new Map<string, Backoff & { prefix: string; code: string }>();
  return {
    waiting: () =>
      new Set([...known].filter(([, { retryAtMs }]) => retryAtMs > nowMs()).map(([address]) => address)),
    missed(addresses, prefix, code) {
      for (const address of addresses) {
        known.set(address, { ...nextBackoff(known.get(address), nowMs()), prefix, code });
      }
    },
    reached(addresses) {
      for (const address of addresses) known.delete(address);
    },
    keepOnly(addresses) {
      for (const address of known.keys()) if (!addresses.has(address)) known.delete(address);
    },
    retryNow() {
      for (const [address, each] of known) known.set(address, { ...each, retryAtMs: nowMs() });
    },
    describe: () =>
      [...known]
        .filter(([, { failures }]) => failures >= failuresTold)
        .map(([address, { prefix, code }]) => problems.NEXTHOP_UNREACHABLE(address, prefix, code)),
    nextRetryAtMs: (afterMs) =>
      Math.min(...[...known.values()].map(({ retryAtMs }) => retryAtMs).filter((atMs) => atMs > afterMs)),
    get size() {
      return known.size;
    },
  };
}
