/**
 * The addresses behind the peers' DNS names, asked for again every few seconds: a headless Service has others when a
 * reflector is rescheduled. An answer takes the place of the last; a failure and an empty answer never do.
 */
import { reasonOf } from '../common/problem.ts';
import { resolveHost } from './dns.ts';

export interface KnownName {
  /** sorted; of the last answer that had any */
  readonly addresses: readonly string[];
  /** why the last query failed; undefined: it did not */
  readonly failure?: string | undefined;
}

export interface PeerNames {
  /** These from now on. Resolves when each has been answered or has failed once. */
  follow(hosts: readonly string[]): Promise<void>;
  known(host: string): KnownName;
  close(): void;
}

export interface PeerNamesParts {
  /** Rejects when the signal aborts. */
  resolve?: (host: string, signal: AbortSignal) => Promise<string[]>;
  /** what is known of a name has changed */
  onChange(): void;
  everyMs?: number;
  answerMs?: number;
}

const unknown: KnownName = { addresses: [], failure: 'it was not asked for yet' };

export function followNames({
  resolve = resolveHost,
  onChange,
  everyMs = 3_000,
  answerMs = 5_000,
}: PeerNamesParts): PeerNames {
  const names = new Map<string, KnownName>();
  const asking = new Map<string, Promise<void>>();

  function note(host: string, now: KnownName): void {
    const before = names.get(host);
    if (before === undefined) return;
    names.set(host, now);
    if (JSON.stringify(before) !== JSON.stringify(now)) onChange();
  }

  async function query(host: string): Promise<void> {
    const signal = AbortSignal.timeout(answerMs);
    const fail = (failure: string) => note(host, { addresses: names.get(host)?.addresses ?? [], failure });
    try {
      const addresses = [...new Set(await resolve(host, signal))].sort();
      if (addresses.length > 0) note(host, { addresses });
      else fail('it has no A record');
    } catch (error) {
      fail(signal.aborted ? `no answer in ${answerMs / 1_000} s` : reasonOf(error));
    }
  }

  /** One query of a name at a time. */
  function ask(host: string): Promise<void> {
    const running = asking.get(host) ?? query(host).finally(() => asking.delete(host));
    asking.set(host, running);
    return running;
  }

  const timer = setInterval(() => {
    for (const host of names.keys()) void ask(host);
  }, everyMs);

  return {
    async follow(hosts) {
      for (const host of names.keys()) if (!hosts.includes(host)) names.delete(host);
      const fresh = hosts.filter((host) => !names.has(host));
      for (const host of fresh) names.set(host, unknown);
      await Promise.all(fresh.map(ask));
    },
    known: (host) => names.get(host) ?? unknown,
    close() {
      clearInterval(timer);
      names.clear();
    },
  };
}
