import type { z } from 'zod';
import { contains, type Prefix, parsePrefix } from '../cidr.ts';
import { agreeing, fields, integer, matching, oneOf, show, textOf } from '../schema.ts';
import { bgp } from './bgp.ts';
import { healthCheck } from './health-check.ts';
import { service } from './service.ts';
import { absolutePath } from './shapes.ts';
import { vip } from './vip.ts';

const port = integer(1, 65_535, 'a port');

/** Defaults that count where no settings can be read, too. */
export const usual = { drainSeconds: 30, holdDownSeconds: 2, controllerPort: 9440, sidecarPort: 9441 };

/**
 * The settings file, read by controller and bgp-sidecar. A section left out has the defaults of its fields;
 * the Service and vip.prefixes have none. Without bgp nothing is announced.
 */
export const settingsSchema = fields({
  service,
  vip,
  forwarding: fields({
    method: oneOf(['nat'], { tunnel: 'which is not served yet' }).default('nat'),
  }).prefault({}),
  /** any that the kernel has (IP_VS_SCHEDNAME_MAXLEN is 16 with its end); least connection as in the thesis */
  scheduler: matching(
    /^[a-z][a-z0-9]{0,14}$/,
    'the name of an IPVS scheduler, such as lc, wlc, rr, wrr, sh or mh',
  ).default('lc'),
  realServer: fields({
    weight: integer(1, 65_535).default(1),
    /** connections of one real server beyond which it gets no new ones; 0: no such limit */
    upperThreshold: integer(0, 2_147_483_647).default(20_000),
    /** connections below which one that was over its upper threshold gets new ones again; 0: three quarters of it */
    lowerThreshold: integer(0, 2_147_483_647).default(0),
  })
    .check(
      agreeing((value, refuse) => {
        const { upperThreshold = 20_000, lowerThreshold = 0 } = (value ?? {}) as Record<string, unknown>;
        if (typeof lowerThreshold !== 'number' || typeof upperThreshold !== 'number') return;
        if (lowerThreshold > upperThreshold)
          refuse(
            ['lowerThreshold'],
            `is ${lowerThreshold}, above upperThreshold ${upperThreshold}; accepted: a number up to upperThreshold`,
          );
      }),
    )
    .prefault({}),
  healthCheck: healthCheck.prefault({}),
  drain: fields({
    seconds: integer(0, 3_600).default(usual.drainSeconds),
  }).prefault({}),
  endpoints: fields({
    source: oneOf(['files', 'kubernetes']).default('files'),
    files: fields({
      directory: absolutePath.default('/etc/portable-lb/manifests'),
    }).prefault({}),
  }).prefault({}),
  lease: fields({
    /** outlasts a restart of the controller; renewed every second */
    seconds: integer(3, 3_600).default(60),
    /** how long no server must live before the lease says no */
    holdDownSeconds: integer(0, 300).default(usual.holdDownSeconds),
  }).prefault({}),
  health: fields({
    controllerPort: port.default(usual.controllerPort),
    sidecarPort: port.default(usual.sidecarPort),
  })
    .check(
      agreeing((value, refuse) => {
        const { controllerPort = usual.controllerPort, sidecarPort = usual.sidecarPort } = (value ??
          {}) as Record<string, unknown>;
        if (controllerPort === sidecarPort)
          refuse(
            ['sidecarPort'],
            `is ${show(sidecarPort)}, as controllerPort is; accepted: a port of its own, since the containers share the pod's address`,
          );
      }),
    )
    .prefault({}),
  bgp: bgp.optional(),
})
  .check(agreeing(refuseOwnPrefixes))
  .check(agreeing(refuseClassOfFiles));

/** Manifests in a directory are those of one Service by the operator's own hand. */
function refuseClassOfFiles(value: unknown, refuse: (path: PropertyKey[], message: string) => void): void {
  const { service: selection, endpoints } = (value ?? {}) as Record<string, Record<string, unknown> | null>;
  if ((endpoints?.source ?? 'files') !== 'files') return;
  for (const field of ['loadBalancerClass', 'ingressClassName'])
    if (selection?.[field] != null)
      refuse(['service', field], 'needs the API server; accepted: only with endpoints.source kubernetes');
}

/** A VIP is local to the LB pod: a peer or next-hop within a prefix could never be reached. */
function refuseOwnPrefixes(value: unknown, refuse: (path: PropertyKey[], message: string) => void): void {
  const { vip, bgp: announcing } = (value ?? {}) as Partial<
    Record<'vip' | 'bgp', Record<string, unknown> | null>
  >;
  const own = list(vip?.prefixes)
    .map((text) => parsePrefix(textOf(text)))
    .filter((each): each is Prefix => typeof each !== 'string');
  const check = (path: PropertyKey[], address: unknown) => {
    const within = own.find((each) => contains(each, textOf(address)));
    if (within)
      refuse(
        ['bgp', ...path],
        `is ${show(address)}, within the VIP prefix ${within.text}; accepted: an address outside of vip.prefixes`,
      );
  };
  check(['nextHop'], announcing?.nextHop);
  for (const [index, peer] of list(announcing?.peers).entries()) {
    check(['peers', index, 'address'], (peer as { address?: unknown } | null)?.address);
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export type Settings = z.output<typeof settingsSchema>;
