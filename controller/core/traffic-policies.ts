/** What a Service asks of kube-proxy and a load balancer here does not do: told, so that nobody relies on it. */
import type { V1Service } from '@kubernetes/client-node';
import { vipPrefixOf } from './addresses.ts';
import { quoted } from './notes.ts';
import type { Note } from './types.ts';

export function trafficPolicyNotes(service: V1Service, name: string, vipPrefixes: readonly string[]): Note[] {
  const { spec = {} } = service;
  const notes: Note[] = [];
  const tell = (field: string, value: unknown, instead: string) =>
    notes.push({
      code: 'TRAFFIC_POLICY',
      message: `Service ${name}: ${field} ${quoted(value)} does not apply to traffic through the LB pods: ${instead}`,
    });
  const { externalTrafficPolicy, internalTrafficPolicy, sessionAffinity, trafficDistribution } = spec;
  if (externalTrafficPolicy === 'Local')
    tell('externalTrafficPolicy', externalTrafficPolicy, 'real servers of all nodes are used');
  if (internalTrafficPolicy === 'Local')
    tell('internalTrafficPolicy', internalTrafficPolicy, 'real servers of all nodes are used');
  if (sessionAffinity === 'ClientIP')
    tell('sessionAffinity', sessionAffinity, 'choose a scheduler that hashes the source, such as sh or mh');
  if (trafficDistribution)
    tell('trafficDistribution', trafficDistribution, 'real servers of all zones are used');
  if (spec.loadBalancerSourceRanges?.length)
    tell(
      'loadBalancerSourceRanges',
      spec.loadBalancerSourceRanges,
      'every source is let in; filter on the routers, or by a network policy of the servers',
    );
  return [...notes, ...externalIPNotes(spec.externalIPs, name, vipPrefixes)];
}

/** kube-proxy takes such an address on every node, before a route could lead to an LB pod (proxier.go, externalIPs). */
function externalIPNotes(addresses: unknown, name: string, vipPrefixes: readonly string[]): Note[] {
  return (Array.isArray(addresses) ? addresses : []).flatMap((address: unknown) => {
    const prefix = vipPrefixOf(String(address), vipPrefixes);
    if (prefix === undefined) return [];
    const message = `Service ${name}: spec.externalIPs has ${quoted(address)} of the VIP prefix ${prefix}: refused, since kube-proxy takes it on every node, past the LB pods; remove it from spec.externalIPs, the prefix is announced without it`;
    return [{ code: 'EXTERNAL_IP_REFUSED', message, event: 'service' as const }];
  });
}
