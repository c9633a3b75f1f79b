import { z } from 'zod';
import { expects, fields, integer, matching } from '../schema.ts';
import { bgp } from './bgp.ts';
import { healthCheck } from './health-check.ts';
import { absolutePath, dnsLabel, prefix } from './shapes.ts';

export type { BgpSettings, Peer } from './bgp.ts';

/**
 * The settings file, read by controller and bgp-sidecar. A section left out has the defaults of its fields;
 * service.name and vip.prefixes have none. Without bgp nothing is announced.
 */
export const settingsSchema = fields({
  service: fields({
    name: dnsLabel('the name of the Service'),
    /** default */
    namespace: dnsLabel('a namespace').default('default'),
  }),
  vip: fields({
    prefixes: z.array(prefix, expects('a list of IPv4 prefixes')).min(1, expects('at least one IPv4 prefix')),
    /** what a packet to a prefix gets that belongs to no port of the Service: TCP reset / port unreachable, or nothing */
    unmatched: z.enum(['reject', 'drop'], expects('reject or drop')).default('reject'),
  }),
  forwarding: fields({
    method: z.enum(['nat'], expects('nat')).default('nat'),
  }).prefault({}),
  /** IPVS scheduler; least connection by default, as in the thesis' Fig. 5.3 */
  scheduler: matching(
    /^[a-z][a-z0-9]{0,14}$/,
    'the name of an IPVS scheduler, such as lc, wlc, rr, wrr, sh or mh',
  ).default('lc'),
  realServer: fields({
    weight: integer(1, 65_535).default(1),
    /** connections of one real server beyond which it gets no new ones; 0 = no limit */
    upperThreshold: integer(0, 2_147_483_647).default(20_000),
  }).prefault({}),
  healthCheck: healthCheck.prefault({}),
  drain: fields({
    seconds: integer(0, 3_600).default(30),
  }).prefault({}),
  endpoints: fields({
    source: z.enum(['files'], expects('files')).default('files'),
    files: fields({
      directory: absolutePath.default('/etc/portable-lb/manifests'),
    }).prefault({}),
  }).prefault({}),
  lease: fields({
    /** outlasts a restart of the controller */
    seconds: integer(3, 3_600).default(60),
    /** how long there must be no live server before the lease says no */
    holdDownSeconds: integer(0, 300).default(2),
  }).prefault({}),
  health: fields({
    controllerPort: integer(1, 65_535, 'a port').default(9440),
    sidecarPort: integer(1, 65_535, 'a port').default(9441),
  }).prefault({}),
  bgp: bgp.optional(),
});

export type Settings = z.output<typeof settingsSchema>;
