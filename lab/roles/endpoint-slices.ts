import { toYaml } from '../yaml.ts';
import type { Endpoint, ServicePort } from './service-api.ts';

export interface ServiceFacts {
  name: string;
  namespace: string;
  prefixes: string[];
  ports: ServicePort[];
  namedPorts: Record<string, number>;
}

/** The `v1` Service as kubectl would print it. */
export function serviceManifest(service: ServiceFacts): string {
  return toYaml({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service.name, namespace: service.namespace },
    spec: {
      type: 'ClusterIP',
      selector: { app: service.name },
      ports: service.ports.map((port) => ({
        ...(portName(port) === '' ? {} : { name: portName(port) }),
        protocol: port.protocol ?? 'TCP',
        port: port.port,
        targetPort: port.targetPort,
      })),
    },
  });
}

/** Its EndpointSlices, cut as the endpoint slice controller cuts them: many documents of one file. */
export function slicesManifest(
  service: ServiceFacts,
  endpoints: Endpoint[],
  endpointsPerSlice: number,
): string {
  const slices: string[] = [];
  for (let at = 0; at === 0 || at < endpoints.length; at += endpointsPerSlice) {
    const number = slices.length + 1;
    slices.push(
      toYaml({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: `${service.name}-${number}`,
          namespace: service.namespace,
          labels: {
            'kubernetes.io/service-name': service.name,
            'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
          },
        },
        addressType: 'IPv4',
        ports: service.ports.map((port) => ({
          name: portName(port),
          protocol: port.protocol ?? 'TCP',
          port: targetPortNumber(service, port),
        })),
        endpoints: endpoints
          .slice(at, at + endpointsPerSlice)
          .map((endpoint) => endpointEntry(service, endpoint)),
      }),
    );
  }
  return slices.join('---\n');
}

/** A name of its own for every port, since Kubernetes wants one as soon as there are two; '' is a port without. */
function portName({ name, protocol = 'TCP', port }: ServicePort): string {
  return name ?? `${protocol.toLowerCase()}-${port}`;
}

export function targetPortNumber(
  service: Pick<ServiceFacts, 'name' | 'namedPorts'>,
  port: ServicePort,
): number {
  if (typeof port.targetPort === 'number') return port.targetPort;
  const number = service.namedPorts[port.targetPort];
  if (number === undefined) {
    throw new Error(
      `service ${service.name}: targetPort ${port.targetPort} is not in namedPorts of lab.service()`,
    );
  }
  return number;
}

function endpointEntry(
  service: ServiceFacts,
  { address, ready, serving, terminating, nodeName, targetName }: Endpoint,
) {
  return {
    addresses: [address],
    conditions: {
      ...(ready === undefined ? {} : { ready }),
      ...(serving === undefined ? {} : { serving }),
      ...(terminating === undefined ? {} : { terminating }),
    },
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetName === undefined
      ? {}
      : { targetRef: { kind: 'Pod', name: targetName, namespace: service.namespace } }),
  };
}
