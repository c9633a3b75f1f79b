import { z } from 'zod';
import { agreeing, expects, fields, integer, show } from '../schema.ts';
import { absolutePath, unicastAddress } from './shapes.ts';

/** RFC 6793; never 0 (RFC 7607), 23456 (RFC 6793), 65535 and 4294967295 (RFC 7300). */
const asWords = 'an AS number from 1 to 4294967294, not 23456 or 65535';
const asNumber = z
  .int(expects(asWords))
  .refine((as) => as >= 1 && as <= 4_294_967_294 && as !== 23_456 && as !== 65_535, expects(asWords));

const peer = fields({
  address: unicastAddress('an IPv4 address'),
  port: integer(1, 65_535, 'a port').default(179),
  /** the local AS by default */
  peerAS: asNumber.optional(),
  /** read when a session is made, so that the password is in no settings */
  passwordFile: absolutePath.optional(),
});

const communityWords = 'a community of two numbers from 0 to 65535, in quotes, such as "64512:100"';
/** RFC 8326; a route with it would be a last resort always */
const gracefulShutdown = '65535:0';
const community = z.string(expects(communityWords)).superRefine((text, context) => {
  const good = /^\d{1,5}:\d{1,5}$/.test(text) && text.split(':').every((half) => Number(half) <= 65_535);
  if (good && text !== gracefulShutdown) return;
  const fault = good ? 'is GRACEFUL_SHUTDOWN, which marks the last resort' : `is ${show(text)}`;
  context.addIssue({ code: 'custom', message: `${fault}; accepted: ${communityWords}` });
});

const holdWords = expects('0, or a whole number from 3 to 65535 (RFC 4271)');

export const bgp = fields({
  localAS: asNumber,
  holdSeconds: z
    .int(holdWords)
    .min(0, holdWords)
    .max(65_535, holdWords)
    .refine((seconds) => seconds === 0 || seconds > 2, holdWords)
    .default(9),
  nextHop: unicastAddress('nodeIP, podIP or an IPv4 address', ['nodeIP', 'podIP']).default('nodeIP'),
  communities: z
    .array(community, expects('a list of communities'))
    .check(refuseTwice('a community'))
    .default([]),
  /** how long a prefix whose lease has lapsed stays announced as last resort; 0: not at all */
  lastResortSeconds: integer(0, 86_400).default(300),
  peers: z
    .array(peer, expects('a list of one or more peers'))
    .min(1, expects('a list of one or more peers'))
    .check(refuseTwice('a peer')),
})
  .check(
    agreeing((value, refuse) => {
      const { localAS, peers } = (value ?? {}) as { localAS?: unknown; peers?: unknown };
      for (const [index, each] of (Array.isArray(peers) ? peers : []).entries()) {
        const peerAS: unknown = each?.peerAS;
        if (typeof peerAS !== 'number' || typeof localAS !== 'number' || peerAS === localAS) continue;
        refuse(
          ['peers', index, 'peerAS'],
          `is ${peerAS}, another AS than localAS: such sessions (eBGP) are not served yet; accepted: ${localAS}`,
        );
      }
    }),
  )
  .transform((settings) => ({
    ...settings,
    peers: settings.peers.map((each) => ({ ...each, peerAS: each.peerAS ?? settings.localAS })),
  }));

/** Peers are told apart by address: BGP identifies a session by it, whatever the port. */
function refuseTwice<T>(what: string) {
  return agreeing<T>((value, refuse) => {
    const keys = (Array.isArray(value) ? value : []).map((each: unknown) =>
      typeof each === 'object' ? (each as { address?: unknown } | null)?.address : each,
    );
    for (const [index, key] of keys.entries()) {
      if (key !== undefined && keys.indexOf(key) < index)
        refuse([index], `${show(key)} is there a second time; accepted: ${what} once`);
    }
  });
}

export type BgpSettings = z.output<typeof bgp>;
export type Peer = BgpSettings['peers'][number];
