/**
 * The IPv4 addresses of a name, by the DNS as resolv.conf(5) says. Not by getaddrinfo (dns.lookup), which cannot be
 * called off: with a DNS server that is silent the process could not even exit until glibc gives up, 20 s and more
 * (libuv joins the threads of its pool). Node's resolver can, but leaves the search domains to us.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

const resolvConf = '/etc/resolv.conf';
/** for each name that is tried, of each server */
const queryMs = 1_000;
const tries = 2;

/** Rejects when no name gives an address, with the words why, or when the signal aborts. */
export async function resolveHost(host: string, signal: AbortSignal): Promise<string[]> {
  const text = await readFile(resolvConf, 'utf8').catch(() => '');
  // a new one each time: it reads its servers from the file once
  const resolver = new Resolver({ timeout: queryMs, tries });
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  let failure = 'there is no such name, or it has no A record';
  try {
    for (const answer of askAll(namesToTry(host, text), (name) => resolver.resolve4(name))) {
      signal.throwIfAborted();
      try {
        return await answer;
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        // the domain of a search may be one that nobody answers for
        if (code !== 'ENOTFOUND' && code !== 'ENODATA') failure = failures[code] ?? `the DNS said ${code}`;
      }
    }
    signal.throwIfAborted();
    throw new Error(failure);
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

/**
 * All at once, and taken in their order: behind search domains that nobody answers for, and their time-outs of several
 * seconds each, the name itself would be asked for too late.
 */
export function askAll(
  names: readonly string[],
  ask: (name: string) => Promise<string[]>,
): Promise<string[]>[] {
  const answers = names.map(ask);
  for (const answer of answers) answer.catch(() => undefined);
  return answers;
}

const failures: Record<string, string> = {
  ETIMEOUT: 'the DNS server gives no answer',
  ECONNREFUSED: 'nothing listens at the address of the DNS server',
  ESERVFAIL: 'the DNS server failed (SERVFAIL)',
  EREFUSED: 'the DNS server refuses to answer',
};

/** In the order of resolv.conf(5): a name with fewer dots than ndots is tried in the search domains first. */
export function namesToTry(host: string, text: string): string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)];
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const search = lines.findLast(([word]) => word === 'search' || word === 'domain')?.slice(1) ?? [];
  const options = lines.filter(([word]) => word === 'options').flat();
  const ndots = Number(options.findLast((each) => each.startsWith('ndots:'))?.slice(6) ?? 1);
  const within = search.map((domain) => `${host}.${domain.replace(/\.$/, '')}`);
  const dots = host.split('.').length - 1;
  return dots >= ndots ? [host, ...within] : [...within, host];
}
