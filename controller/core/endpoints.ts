/**
 * A Service and its EndpointSlices → for each port of the Service the endpoints behind it.
 *
 * A port of the Service is matched to the ports of the slices by name, never by number: targetPort may be a
 * name that resolves to another number in each pod, and then there is a slice for each number.
 */
import type { V1Endpoint, V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import type { Problem } from '../../common/problem.ts';
import { isPort, sortPlaces, whyNotAServer } from './addresses.ts';
import { refusals } from './errors.ts';
import { quoted } from './notes.ts';
import { nameOf, objectsIn, servicePorts } from './service-ports.ts';
import type { Endpoint, Note, PortEndpoints } from './types.ts';

/** The label by which the EndpointSlice controller names the Service of a slice. */
const serviceNameLabel = 'kubernetes.io/service-name';

export type Resolved = { ports: PortEndpoints[]; notes: Note[] } | { refused: Problem[] };

export function resolveEndpoints(
  service: V1Service,
  slices: readonly V1EndpointSlice[],
  vipPrefixes: readonly string[],
): Resolved {
  const namespace = service.metadata?.namespace ?? 'default';
  const name = service.metadata?.name ?? '';
  const serviceName = `${namespace}/${name}`;
  if (service.spec?.type === 'ExternalName')
    return { refused: [refusals.SERVICE_EXTERNAL_NAME(serviceName)] };
  const notes: Note[] = [];
  const ports = servicePorts(service, serviceName, notes);
  const own = slices.filter(
    ({ metadata }) =>
      (metadata?.namespace ?? 'default') === namespace && metadata?.labels?.[serviceNameLabel] === name,
  );
  const found = new Map(ports.map(({ key }) => [key, new Map<string, Endpoint>()]));
  const named = new Set<string>();
  for (const slice of own) {
    const sliceName = quoted(slice.metadata?.name ?? '');
    if (slice.addressType !== 'IPv4') {
      notes.push({
        code: 'ADDRESS_TYPE_SKIPPED',
        message: `Service ${serviceName}: endpoints of address type ${quoted(slice.addressType)} are skipped, only IPv4 is served`,
      });
      continue;
    }
    for (const slicePort of objectsIn(slice.ports)) {
      const protocol: unknown = slicePort.protocol ?? 'TCP';
      const matching = ports.filter(
        (port) => port.protocol === protocol && (port.portName ?? '') === nameOf(slicePort),
      );
      if (matching.length === 0) continue;
      if (!isPort(slicePort.port)) {
        notes.push({
          code: 'PORT_INVALID',
          message: `EndpointSlice ${sliceName}: port ${quoted(slicePort.port)} is not a number from 1 to 65535, its endpoints are left out`,
        });
        continue;
      }
      const endpoints = readEndpoints(slice, slicePort.port, sliceName, vipPrefixes, notes);
      for (const { key } of matching) {
        named.add(key);
        keepReadiest(found.get(key), endpoints);
      }
    }
  }
  const resolved = ports.map((port) => ({
    ...port,
    endpoints: sortPlaces([...(found.get(port.key)?.values() ?? [])]),
  }));
  for (const { key, portName, endpoints } of resolved) {
    if (endpoints.length > 0) continue;
    const ipv4 = own.filter((slice) => slice.addressType === 'IPv4' && (slice.endpoints?.length ?? 0) > 0);
    notes.push(
      named.has(key) || ipv4.length === 0
        ? {
            code: 'PORT_WITHOUT_ENDPOINTS',
            message: `Service ${serviceName}: port ${key} has no endpoints, nothing answers on it`,
          }
        : {
            code: 'PORT_NAME_UNRESOLVED',
            message: `Service ${serviceName}: port ${key}, name ${quoted(portName ?? '')}, is in none of its EndpointSlices: the name must be the same in both and the pods must have the targetPort`,
          },
    );
  }
  return { ports: resolved, notes };
}

function readEndpoints(
  slice: V1EndpointSlice,
  port: number,
  sliceName: string,
  vipPrefixes: readonly string[],
  notes: Note[],
): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const endpoint of objectsIn(slice.endpoints)) {
    const addresses = Array.isArray(endpoint.addresses) ? endpoint.addresses : [];
    // The addresses of one endpoint are one and the same pod: the first is used, as kube-proxy does.
    const address = addresses[0];
    if (addresses.length > 1)
      notes.push({
        code: 'ADDRESSES_FUNGIBLE',
        message: `EndpointSlice ${sliceName}: an endpoint has several addresses, only the first, ${quoted(address)}, is used; write one endpoint for each server`,
      });
    const why = whyNotAServer(address, vipPrefixes);
    if (why === undefined && address !== undefined)
      endpoints.push({ address, port, ...readConditions(endpoint) });
    else
      notes.push({
        code: 'ADDRESS_INVALID',
        message: `EndpointSlice ${sliceName}: address ${quoted(address)} is left out: ${why}`,
      });
  }
  return endpoints;
}

/** What a condition means that is not set: discovery.k8s.io/v1, EndpointConditions. */
function readConditions({ conditions }: V1Endpoint) {
  return {
    ready: conditions?.ready ?? true,
    serving: conditions?.serving ?? true,
    terminating: conditions?.terminating ?? false,
  };
}

/** While the EndpointSlice controller moves an endpoint it is in two slices: the readier one is the newer. */
function keepReadiest(kept: Map<string, Endpoint> | undefined, endpoints: readonly Endpoint[]) {
  for (const endpoint of endpoints) {
    const place = `${endpoint.address}:${endpoint.port}`;
    const other = kept?.get(place);
    if (!other || readiness(endpoint) > readiness(other)) kept?.set(place, endpoint);
  }
}

function readiness({ ready, serving, terminating }: Endpoint): number {
  return (ready && !terminating ? 8 : 0) + (ready ? 4 : 0) + (serving ? 2 : 0) + (terminating ? 0 : 1);
}
