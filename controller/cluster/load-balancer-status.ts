/**
 * `status.loadBalancer.ingress` of a Service with this release's addresses in it, and everybody else's as they were.
 * With ipMode VIP (or none) kube-proxy would take the addresses on every node, past the LB pods; with Proxy it lets
 * them be (KEP-1860).
 */
import type { V1LoadBalancerIngress, V1Service } from '@kubernetes/client-node';
import { vipPrefixOf } from '../core/addresses.ts';

export interface OwnAddresses {
  /** that are to be there */
  readonly addresses: readonly string[];
  /** whose addresses are this release's: what else of them is there goes */
  readonly prefixes: readonly string[];
  /** of prefixes that were its own before */
  readonly former?: ReadonlySet<string>;
}

export function ingressOf(service: V1Service): V1LoadBalancerIngress[] {
  return service.status?.loadBalancer?.ingress ?? [];
}

/** The list as it should be, in the order that it has; the same list when nothing is to be done. */
export function mergeIngress(
  held: readonly V1LoadBalancerIngress[],
  { addresses, prefixes, former }: OwnAddresses,
): V1LoadBalancerIngress[] {
  const isOwn = ({ ip = '' }: V1LoadBalancerIngress) =>
    vipPrefixOf(ip, prefixes) !== undefined || former?.has(ip) === true;
  const kept = held
    .filter((entry) => !isOwn(entry) || addresses.includes(entry.ip ?? ''))
    .map((entry) => (isOwn(entry) && entry.ipMode !== 'Proxy' ? { ...entry, ipMode: 'Proxy' } : entry));
  const missing = addresses.filter((ip) => !kept.some((entry) => entry.ip === ip));
  return [...kept, ...missing.map((ip) => ({ ip, ipMode: 'Proxy' }))];
}

export function sameIngress(
  a: readonly V1LoadBalancerIngress[],
  b: readonly V1LoadBalancerIngress[],
): boolean {
  return (
    a.length === b.length &&
    a.every(
      (entry, i) =>
        entry.ip === b[i]?.ip && entry.hostname === b[i]?.hostname && entry.ipMode === b[i]?.ipMode,
    )
  );
}

/** Whether the server kept what kube-proxy needs to know: one before 1.30 may drop the field. */
export function lacksMode(held: readonly V1LoadBalancerIngress[], addresses: readonly string[]): boolean {
  return held.some(({ ip, ipMode }) => addresses.includes(ip ?? '') && ipMode !== 'Proxy');
}
