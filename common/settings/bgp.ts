import { z } from 'zod';
import { expects, fields, integer, matching } from '../schema.ts';
import { absolutePath, ipv4Address } from './shapes.ts';

const asNumber = integer(1, 4_294_967_294, 'an AS number');

const peer = fields({
  address: ipv4Address,
  port: integer(1, 65_535, 'a port').default(179),
  /** the local AS by default */
  peerAS: asNumber.optional(),
  passwordFile: absolutePath.optional(),
});

export const bgp = fields({
  localAS: asNumber,
  holdSeconds: z.union([z.literal(0), integer(3, 65_535)], expects('0 or 3 to 65535')).default(9),
  nextHop: z
    .union(
      [z.literal('nodeIP'), z.literal('podIP'), ipv4Address],
      expects('nodeIP, podIP or an IPv4 address'),
    )
    .default('nodeIP'),
  communities: z.array(matching(/^\d{1,5}:\d{1,5}$/, 'a community, such as "64512:100"')).default([]),
  /** how long a prefix whose lease has lapsed stays announced as last resort */
  lastResortSeconds: integer(0, 86_400).default(300),
  peers: z.array(peer, expects('a list of peers')).min(1, expects('at least one peer')),
}).transform((settings) => ({
  ...settings,
  peers: settings.peers.map((each) => ({ ...each, peerAS: each.peerAS ?? settings.localAS })),
}));

export type BgpSettings = z.output<typeof bgp>;
export type Peer = BgpSettings['peers'][number];
