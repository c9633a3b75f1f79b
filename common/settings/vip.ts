import * as z from 'zod';
import { contains, firstUsable, type Prefix, parsePrefix } from '../cidr.ts';
import { agreeing, expects, fields, oneOf, show, textOf } from '../schema.ts';
import { prefixes, unicastAddress } from './shapes.ts';

export const vip = fields({
  prefixes,
  /** what is written to the status of a Service of type LoadBalancer; the first usable address of each prefix */
  addresses: z.array(unicastAddress('an IPv4 address'), expects('a list of IPv4 addresses')).optional(),
  /** what a packet gets that is for a prefix but for no port of the Service: reset or port unreachable, or nothing */
  unmatched: oneOf(['reject', 'drop']).default('reject'),
})
  .check(agreeing(refuseStrangers))
  .transform(({ addresses, ...rest }) => ({
    ...rest,
    addresses: addresses ?? parsed(rest.prefixes).map(firstUsable),
  }));

/** An address outside of the prefixes would be told to people and never announced. */
function refuseStrangers(value: unknown, refuse: (path: PropertyKey[], message: string) => void): void {
  const given = (value ?? {}) as { prefixes?: unknown; addresses?: unknown };
  const own = parsed(given.prefixes);
  const addresses = Array.isArray(given.addresses) ? given.addresses : [];
  for (const [index, address] of addresses.entries()) {
    const within = own.some((prefix) => contains(prefix, textOf(address)));
    if (!within)
      refuse(
        ['addresses', index],
        `is ${show(address)}, outside of vip.prefixes; accepted: an address within one`,
      );
    if (addresses.indexOf(address) < index)
      refuse(['addresses', index], `${show(address)} is there a second time; accepted: an address once`);
  }
}

function parsed(texts: unknown): Prefix[] {
  const all = (Array.isArray(texts) ? texts : []).map((text) => parsePrefix(textOf(text)));
  return all.filter((prefix): prefix is Prefix => typeof prefix !== 'string');
}
