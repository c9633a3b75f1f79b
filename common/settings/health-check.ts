import * as z from 'zod';
import { agreeing, expects, fields, integer, matching, oneOf, show } from '../schema.ts';

const http = fields({
  /** what may stand in a URL and means nothing in keepalived's grammar (no spaces, quotes, braces, ! # $ @) */
  path: matching(
    /^\/([A-Za-z0-9\-._~/?=&+:,]|%[0-9A-Fa-f]{2}){0,254}$/,
    'the path of a URL, such as /healthz',
  ).default('/healthz'),
  statusCode: integer(100, 599).default(200),
});

const udp = fields({
  payloadHex: matching(
    /^([0-9a-fA-F]{2}){1,255}$/,
    '1 to 255 bytes as hexadecimal digits, in quotes, such as "00"',
  ).default('00'),
  requireReply: z.boolean(expects('true or false')).default(false),
});

/** Of TCP ports; a UDP port has none unless udp is set. http is there exactly with type http. */
export const healthCheck = fields({
  type: oneOf(['tcp', 'http', 'none']).default('tcp'),
  connectTimeoutSeconds: integer(1, 300).default(5),
  delayLoopSeconds: integer(1, 3_600).default(5),
  http: http.optional(),
  /** keepalived's UDP_CHECK */
  udp: udp.optional(),
})
  .check(
    agreeing((value, refuse) => {
      const { type = 'tcp', http: given } = (value ?? {}) as { type?: unknown; http?: unknown };
      if (given !== undefined && type !== 'http')
        refuse(['http'], `is there with type ${show(type)}; accepted: only with type http`);
    }),
  )
  .transform(({ http: given, ...rest }) =>
    rest.type === 'http' ? { ...rest, http: given ?? http.parse({}) } : rest,
  )
  .transform((settings): HealthCheckSettings => settings);

export interface HealthCheckSettings {
  type: 'tcp' | 'http' | 'none';
  connectTimeoutSeconds: number;
  delayLoopSeconds: number;
  http?: { path: string; statusCode: number };
  udp?: { payloadHex: string; requireReply: boolean } | undefined;
}
