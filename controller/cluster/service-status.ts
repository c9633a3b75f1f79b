/** Reads and writes a Service's status, so that two writers at once lose nothing of each other's. */
import type { V1LoadBalancerIngress, V1Service } from '@kubernetes/client-node';
import { bodyOf } from '../../common/kubernetes/answers.ts';
import type { KubernetesClient } from '../../common/kubernetes/client.ts';
import { problems } from '../errors.ts';
import {
  ingressOf,
  lacksMode,
  mergeIngress,
  type OwnAddresses,
  sameIngress,
} from './load-balancer-status.ts';

const mostConflicts = 8;

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

export type StatusOutcome = 'as wanted' | 'written' | 'not of type LoadBalancer' | 'gone';

/**
 * Merges, and reads back what the server stored. Throws IP_MODE_DROPPED after the addresses were taken out again, and
 * else whatever keeps it from being done.
 */
export async function writeStatus(
  client: KubernetesClient,
  service: ServiceName,
  own: OwnAddresses,
): Promise<StatusOutcome> {
  const outcome = await merge(client, service, own);
  if (outcome !== 'written' || own.addresses.length === 0) return outcome;
  const stored = await readService(client, service);
  if (stored === undefined || !lacksMode(ingressOf(stored), own.addresses)) return outcome;
  await merge(client, service, { ...own, addresses: [], former: new Set(own.addresses) });
  throw problems.IP_MODE_DROPPED(`${service.namespace}/${service.name}`, own.addresses.join(', '));
}

async function merge(
  client: KubernetesClient,
  service: ServiceName,
  own: OwnAddresses,
): Promise<StatusOutcome> {
  for (let attempt = 1; ; attempt++) {
    const held = await readService(client, service);
    if (held === undefined) return 'gone';
    if (held.spec?.type !== 'LoadBalancer') return 'not of type LoadBalancer';
    const ingress = mergeIngress(ingressOf(held), own);
    if (sameIngress(ingressOf(held), ingress)) return 'as wanted';
    const path = `${pathOf(service)}/status`;
    const answer = await client.request({ method: 'PATCH', path, body: patchOf(held, ingress) });
    // somebody else wrote in between: what they wrote is read, and kept
    if (answer.status === 409 && attempt < mostConflicts) continue;
    if (answer.status === 404) return 'gone';
    bodyOf(answer, client, 'patch', path);
    return 'written';
  }
}

/** undefined: there is none of that name. */
export async function readService(
  client: KubernetesClient,
  service: ServiceName,
): Promise<V1Service | undefined> {
  const answer = await client.request({ path: pathOf(service) });
  if (answer.status === 404) return undefined;
  return bodyOf(answer, client, 'get', pathOf(service)) as V1Service;
}

function patchOf({ metadata }: V1Service, ingress: readonly V1LoadBalancerIngress[]) {
  return {
    // refused when the Service has changed since it was read
    metadata: { uid: metadata?.uid, resourceVersion: metadata?.resourceVersion },
    status: { loadBalancer: { ingress: ingress.length > 0 ? ingress : null } },
  };
}

function pathOf({ namespace, name }: ServiceName): string {
  return `/api/v1/namespaces/${namespace}/services/${name}`;
}
