import { isIPv4 } from 'node:net';
import * as z from 'zod';
import { agreeing, expects, fields, integer, show } from '../schema.ts';
import { asNumber } from './as-number.ts';
import { absolutePath, unicastAddress } from './shapes.ts';

const hostWords = 'a DNS name, such as route-reflector.lb.svc: lower-case letters, digits, hyphens and dots';
const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
/** RFC 1123; a dot at the end keeps the search domains of resolv.conf out, and the queries that they cost. */
const hostShape = new RegExp(`^${label}(\\.${label})*\\.?$`);

const host = z.string(expects(hostWords)).superRefine((text, context) => {
  if (hostShape.test(text) && text.length <= 253 && /[a-z]/.test(text)) return;
  const why = isIPv4(text) ? ', which belongs under address' : '';
  context.addIssue({ code: 'custom', message: `is ${show(text)}${why}; accepted: ${hostWords}` });
});

const peer = fields({
  address: unicastAddress('an IPv4 address').optional(),
  /** every A record of it is a peer */
  host: host.optional(),
  port: integer(1, 65_535, 'a port').default(179),
  /** the local AS by default */
  peerAS: asNumber.optional(),
  /** read when a session is made, so that the password is in no settings */
  passwordFile: absolutePath.optional(),
}).check(
  agreeing((value, refuse) => {
    if (typeof value !== 'object' || value === null) return;
    const given = ['address', 'host'].filter((name) => name in value).length;
    if (given === 0) refuse([], 'has neither address nor host; accepted: one of the two');
    if (given === 2) refuse([], 'has both address and host; accepted: one of the two');
  }),
);

const listWords = expects('a list of one or more peers');

export const peers = z.array(peer, listWords).min(1, listWords).check(agreeing(refuseTwice));

/** Peers are told apart by address or name: BGP identifies a session by the address, whatever the port. */
function refuseTwice(value: unknown, refuse: (path: PropertyKey[], message: string) => void): void {
  const keys = (Array.isArray(value) ? value : []).map((each: unknown) => {
    const { address, host: name } = (each ?? {}) as { address?: unknown; host?: unknown };
    return typeof name === 'string' ? name.replace(/\.$/, '') : address;
  });
  for (const [index, key] of keys.entries()) {
    if (key !== undefined && keys.indexOf(key) < index)
      refuse([index], `${show(key)} is there a second time; accepted: a peer once`);
  }
}
