/**
 * The addresses behind the peers' DNS names, asked for again every few seconds: a headless Service has others when a
 * reflector is rescheduled. An answer takes the place of the last; a failure and an empty answer never do.
 *
 * By getaddrinfo (dns.lookup), not by c-ares (dns.resolve4): only it does as every other program of the pod, with the
 * search domains, the options and the hosts file, and reads a resolv.conf that changes. It cannot be called off and
 * takes a thread of libuv's pool, but never more than half of them (threadpool.c: slow I/O), so files go on being
 * read and written; a name has one query at a time, and one that takes too long is a failure until it is over.
 */
import { lookup } from 'node:dns/promises';

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
  resolve?: (host: string) => Promise<string[]>;
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

  const fail = (host: string, failure: string) =>
    note(host, { addresses: names.get(host)?.addresses ?? [], failure });

  async function query(host: string): Promise<void> {
    try {
      const addresses = [...new Set(await resolve(host))].sort();
      if (addresses.length > 0) note(host, { addresses });
      else fail(host, 'it has no A record');
    } catch (error) {
      fail(host, describeFailure(error as NodeJS.ErrnoException));
    }
  }

  /** Until the answer or the deadline, whichever is first. */
  async function ask(host: string): Promise<void> {
    let pending = asking.get(host);
    if (pending === undefined) {
      pending = query(host).finally(() => asking.delete(host));
      asking.set(host, pending);
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolveLate) => {
      timer = setTimeout(resolveLate, answerMs, 'late');
    });
    if ((await Promise.race([pending, late])) === 'late') fail(host, `no answer in ${answerMs / 1_000} s`);
    clearTimeout(timer);
  }

  const timer = setInterval(() => {
    for (const host of names.keys()) if (!asking.has(host)) void ask(host);
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

async function resolveHost(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, family: 4 });
  return found.map(({ address }) => address);
}

function describeFailure({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOTFOUND') return 'there is no such name, or it has no A record';
  if (code === 'EAI_AGAIN') return 'the DNS server gave no answer';
  return message;
}
