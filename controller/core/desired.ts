/**
 * desired: settings + snapshot → the virtual services that should be, in canonical order. The same input in
 * any order gives the same result, so that every LB pod builds the same rules.
 */
import { Problem } from '../../common/problem.ts';
import { resolveEndpoints } from './endpoints.ts';
import { refusals } from './errors.ts';
import { allocateMarks } from './marks.ts';
import { tidyNotes } from './notes.ts';
import { trafficPolicyNotes } from './traffic-policies.ts';
import type { Desired, Endpoint, MarkTable, RealServer, ServedSettings, Snapshot } from './types.ts';

export function computeDesired(
  settings: ServedSettings,
  snapshot: Snapshot,
  marks: MarkTable,
): Desired | { refused: Problem[] } {
  const { name, namespace } = settings.service;
  const { service } = snapshot;
  if (service?.metadata?.name !== name || (service.metadata.namespace ?? 'default') !== namespace) {
    // Kept as it is rather than drained: settings that name another Service come before that one's snapshot.
    return { refused: [refusals.SERVICE_ABSENT(`${namespace}/${name}`)] };
  }
  const resolved = resolveEndpoints(service, snapshot.slices, settings.vip.prefixes);
  if ('refused' in resolved) return resolved;
  try {
    const keys = resolved.ports.map(({ key }) => key);
    const table = allocateMarks(keys, marks);
    const virtualServices = resolved.ports.map(({ endpoints, ...port }) => ({
      ...port,
      mark: table.marks[port.key] as number,
      realServers: weigh(endpoints, settings.realServer.weight),
    }));
    const policies = trafficPolicyNotes(service, `${namespace}/${name}`, settings.vip.prefixes);
    return { virtualServices, marks: table, notes: tidyNotes([...resolved.notes, ...policies]) };
  } catch (problem) {
    if (problem instanceof Problem) return { refused: [problem] };
    throw problem;
  }
}

/**
 * Ready and staying → its weight. Anything else that is still in the slices → weight 0: its flows go on, it
 * gets no new ones. If none is ready, those that serve while they terminate keep their weight (as kube-proxy
 * does, KEP-1669): the last pods of a rollout are better than nothing.
 */
export function weigh(endpoints: readonly Endpoint[], weight: number): RealServer[] {
  const ready = (endpoint: Endpoint) => endpoint.ready && !endpoint.terminating;
  const lastResort = (endpoint: Endpoint) => endpoint.serving && endpoint.terminating;
  const takes = endpoints.some(ready) ? ready : lastResort;
  return endpoints.map((endpoint) => ({
    address: endpoint.address,
    port: endpoint.port,
    weight: takes(endpoint) ? weight : 0,
    state: takes(endpoint) ? 'active' : 'draining',
  }));
}
