import { z } from 'zod';
import { expects, fields, integer, matching } from '../schema.ts';

/** Of TCP ports; a UDP port has none unless udp is set. */
export const healthCheck = fields({
  type: z.enum(['tcp', 'http', 'none'], expects('tcp, http or none')).default('tcp'),
  connectTimeoutSeconds: integer(1, 300).default(5),
  delayLoopSeconds: integer(1, 3_600).default(5),
  /** only with type http, and then /healthz with 200 by default */
  http: fields({
    path: matching(/^\/[A-Za-z0-9\-._~%/?=&+:@,]*$/, 'the path of a URL').default('/healthz'),
    statusCode: integer(100, 599).default(200),
  }).optional(),
  /** keepalived's UDP_CHECK */
  udp: fields({
    payloadHex: matching(/^([0-9a-fA-F]{2})*$/, 'pairs of hexadecimal digits, in quotes').default('00'),
    requireReply: z.boolean(expects('true or false')).default(false),
  }).optional(),
});
