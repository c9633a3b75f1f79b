import * as z from 'zod';
import { agreeing, expects, fields, integer, show } from '../schema.ts';
import { asNumber } from './as-number.ts';
import { peers } from './peers.ts';
import { unicastAddress } from './shapes.ts';

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
  communities: z.array(community, expects('a list of communities')).check(agreeing(refuseTwice)).default([]),
  /** how long a prefix whose lease has lapsed stays announced as last resort; 0: not at all */
  lastResortSeconds: integer(0, 86_400).default(300),
  peers,
})
  .check(
    agreeing((value, refuse) => {
      const { localAS, peers: list } = (value ?? {}) as { localAS?: unknown; peers?: unknown };
      for (const [index, each] of (Array.isArray(list) ? list : []).entries()) {
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

function refuseTwice(value: unknown, refuse: (path: PropertyKey[], message: string) => void): void {
  const all: unknown[] = Array.isArray(value) ? value : [];
  for (const [index, each] of all.entries()) {
    if (all.indexOf(each) < index)
      refuse([index], `${show(each)} is there a second time; accepted: a community once`);
  }
}

export type BgpSettings = z.output<typeof bgp>;
export type Peer = BgpSettings['peers'][number];
