/**
 * The scheduler of a virtual service with its flags and persistence, as a template may choose them: read from
 * keepalived's words (keepalived.conf(5); check_parser.c lbflags_handler, pto_handler, pgr_handler), and compared.
 */
import { isIPv4 } from 'node:net';
import { type Statement, TextFault } from './keepalived-text.ts';
import { number, one } from './statements.ts';
import type { Scheduling, ServiceFlag } from './types.ts';

/** IP_VS_SVC_F_SCHED_* in include/uapi/linux/ip_vs.h */
const flags = new Map<string, ServiceFlag>([
  ['ops', 'ops'],
  ['flag-1', 'flag-1'],
  ['flag-2', 'flag-2'],
  ['flag-3', 'flag-3'],
  ['sh-fallback', 'flag-1'],
  ['sh-port', 'flag-2'],
  ['mh-fallback', 'flag-1'],
  ['mh-port', 'flag-2'],
]);
/** IPVS_SVC_PERSISTENT_TIMEOUT, LVS_MAX_TIMEOUT */
const persistence = { timeoutSeconds: 360, longestSeconds: 31 * 86_400, netmask: '255.255.255.255' };

/** `at`: the virtual server of this block. Throws TextFault. */
export function readScheduling(block: readonly Statement[], at: Statement): Scheduling {
  const chosen = one(block, 'lb_algo', 'lvs_sched');
  const scheduler = chosen?.words[1];
  if (!chosen || !scheduler) throw new TextFault(at, 'no "lb_algo"');
  const found = new Set<ServiceFlag>();
  for (const statement of block) {
    const [keyword = ''] = statement.words;
    const meaning = flags.get(keyword);
    if (!meaning) continue;
    const [, owner] = /^(sh|mh)-/.exec(keyword) ?? [];
    // keepalived passes over one that does not fit the scheduler that it has read so far
    if (owner && (owner !== scheduler || block.indexOf(chosen) > block.indexOf(statement)))
      throw new TextFault(statement, `"${keyword}" must come after "lb_algo ${owner}"`);
    found.add(meaning);
  }
  return { scheduler, flags: [...found].sort(), ...readPersistence(block) };
}

function readPersistence(block: readonly Statement[]): Pick<Scheduling, 'persistence'> {
  const timeout = one(block, 'persistence_timeout');
  const granularity = one(block, 'persistence_granularity');
  if (!timeout && !granularity) return {};
  const timeoutSeconds =
    timeout && timeout.words.length > 1
      ? number(timeout, persistence.timeoutSeconds)
      : persistence.timeoutSeconds;
  if (timeout && (timeoutSeconds < 1 || timeoutSeconds > persistence.longestSeconds))
    throw new TextFault(timeout, `"persistence_timeout" must be 1 to ${persistence.longestSeconds} seconds`);
  const [, netmask = ''] = granularity?.words ?? ['', persistence.netmask];
  if (granularity && !isIPv4(netmask))
    throw new TextFault(
      granularity,
      '"persistence_granularity" must be an IPv4 netmask such as 255.255.255.0',
    );
  return { persistence: { timeoutSeconds, netmask } };
}

/** What `has` has other than `should`, in words; empty: nothing. */
export function describeOther(should: Scheduling, has: Scheduling): string {
  const told = (what: string, word: (scheduling: Scheduling) => string) =>
    word(has) === word(should) ? [] : [`${what}${word(has)} instead of ${word(should)}`];
  return [
    ...told('scheduler ', ({ scheduler }) => scheduler),
    ...told('', ({ flags }) => flags.join(' and ') || 'no flags'),
    ...told('', ({ persistence: held }) =>
      held ? `persistence of ${held.timeoutSeconds} s with netmask ${held.netmask}` : 'no persistence',
    ),
  ].join(', ');
}
