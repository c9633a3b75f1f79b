/** The ports of a Service that can become virtual services; the others are told, and left out. */
import type { V1Service } from '@kubernetes/client-node';
import { isPort } from './addresses.ts';
import { quoted } from './notes.ts';
import type { Note, PortEndpoints, Protocol } from './types.ts';

export type ServicePort = Omit<PortEndpoints, 'endpoints'>;

/** In canonical order: by port, TCP before UDP. */
export function servicePorts(service: V1Service, serviceName: string, notes: Note[]): ServicePort[] {
  const ports = new Map<string, ServicePort>();
  const listed = service.spec?.ports;
  for (const { name, port, ...given } of Array.isArray(listed) ? sorted(listed) : []) {
    const protocol = given.protocol ?? 'TCP';
    const key = `${protocol}/${port}`;
    if (!isProtocol(protocol)) {
      const message = `Service ${serviceName}: port ${quoted(key)} is refused: ${protocol === 'SCTP' ? 'SCTP is not supported' : 'no such protocol'}, TCP and UDP are; its other ports are served`;
      notes.push({ code: 'PROTOCOL_REFUSED', message });
    } else if (!isPort(port)) {
      const message = `Service ${serviceName}: port ${quoted(port)} is not a number from 1 to 65535, it is left out`;
      notes.push({ code: 'PORT_INVALID', message });
    } else if (ports.has(key)) {
      const message = `Service ${serviceName}: port ${key} is there more than once, only the one named ${quoted(ports.get(key)?.portName ?? '')} is served`;
      notes.push({ code: 'PORT_TWICE', message });
    } else {
      ports.set(key, { key, ...(name ? { portName: name } : {}), protocol, port });
    }
  }
  return [...ports.values()].sort(byPortThenProtocol);
}

export function byPortThenProtocol(
  a: { port: number; protocol: Protocol },
  b: { port: number; protocol: Protocol },
): number {
  return a.port - b.port || (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : 0);
}

function isProtocol(value: unknown): value is Protocol {
  return value === 'TCP' || value === 'UDP';
}

/** So that of two equal ports the same one is served, whatever their order in the manifest. */
function sorted<T extends { name?: string }>(ports: readonly T[]): T[] {
  return [...ports].sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
}
