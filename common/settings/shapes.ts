import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import { overlaps, type Prefix, parsePrefix } from '../cidr.ts';
import { agreeing, expects, matching, show, textOf } from '../schema.ts';

/** RFC 1123 label: what Kubernetes lets names of Services and namespaces be */
export function dnsLabel(what: string): z.ZodString {
  return matching(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    `${what}: 1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends`,
  );
}

export const absolutePath = matching(/^\/[^\0\n\r]*$/, 'an absolute path');

/** An address that a router or this pod can have (not 0.0.0.0, multicast or broadcast), or one of these words. */
export function unicastAddress(accepted: string, words: readonly string[] = []): z.ZodString {
  return z.string(expects(accepted)).superRefine((text, context) => {
    if (words.includes(text)) return;
    if (isIPv4(text) && !/^(0|22[4-9]|2[3-5]\d)\./.test(text)) return;
    const why = isIPv6(text) ? ', IPv6, which is not served yet' : '';
    context.addIssue({ code: 'custom', message: `is ${show(text)}${why}; accepted: ${accepted}` });
  });
}

/** What must never be routed to an LB pod: RFC 6890 "this network", loopback, link-local, multicast and reserved. */
const kept = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].map(
  (text) => parsePrefix(text) as Prefix,
);

const accepted = 'IPv4 prefixes without host bits, such as 203.0.113.0/28';

const prefix = z
  .string(expects(accepted))
  .superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== undefined)
      context.addIssue({ code: 'custom', message: `${show(text)} ${fault}; accepted: ${accepted}` });
  })
  // as parsePrefix writes it, so that the same prefix is the same text everywhere
  .transform((text) => {
    const parsed = parsePrefix(text);
    return typeof parsed === 'string' ? text : parsed.text;
  });

function faultOf(text: string): string | undefined {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') return parsed;
  if (parsed.family === 6) return 'is IPv6, which is not served yet';
  const taken = kept.find((each) => overlaps(each, parsed));
  return taken && `overlaps ${taken.text}, which no client can reach`;
}

/** The VIP prefixes: each good and IPv4 (so there is one family), none within another. */
export const prefixes = z
  .array(prefix, expects(`a list of ${accepted}`))
  .min(1, expects(`a list of one or more ${accepted}`))
  .check(
    agreeing((value, refuse) => {
      const parsed = (Array.isArray(value) ? value : []).map((text) => parsePrefix(textOf(text)));
      for (const [index, one] of parsed.entries()) {
        if (typeof one === 'string') continue;
        const other = parsed.slice(0, index).find((each) => typeof each !== 'string' && overlaps(each, one));
        if (typeof other !== 'object') continue;
        const what = `"${one.text}" overlaps "${other.text}"`;
        refuse([index], `${what}; accepted: prefixes of which none overlaps another`);
      }
    }),
  );
