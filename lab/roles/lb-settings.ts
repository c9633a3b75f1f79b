import { localAs, reflectorAddresses } from '../network/plan.ts';
import type { ServiceRole } from './service-api.ts';

/** The settings of a service's LB pods: what a chart would have as its values, fit for the lab. */
export function defaultSettings(service: ServiceRole): Record<string, unknown> {
  return {
    service: { name: service.name, namespace: service.namespace },
    vip: { prefixes: service.prefixes },
    forwarding: { method: 'nat' },
    scheduler: 'lc',
    drain: { seconds: 5 },
    endpoints: { source: 'files', files: { directory: '/etc/portable-lb/manifests' } },
    bgp: {
      localAS: localAs,
      nextHop: 'nodeIP',
      peers: reflectorAddresses.map((address) => ({ address })),
    },
  };
}

/** Objects are merged key by key, anything else replaces; null removes a key. */
export function mergeSettings(
  base: Record<string, unknown>,
  change: Record<string, unknown>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const old = merged[key];
    if (isObject(old) && isObject(value)) merged[key] = mergeSettings(old, value);
    else merged[key] = value;
  }
  return merged;
}

/** Settings as they are written: without the keys that a change removed. */
export function withoutNulls(settings: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(settings).filter(([, value]) => value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key, isObject(value) ? withoutNulls(value) : value]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
