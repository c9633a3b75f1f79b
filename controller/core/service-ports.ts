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
  for (const { port, ...given } of sorted(objectsIn(listed))) {
    const name = nameOf(given);
    const protocol: unknown = given.protocol ?? 'TCP';
    const tell = (code: string, why: string, event?: Note['event']) =>
      notes.push({ code, message: `Service ${serviceName}: port ${why}`, ...(event && { event }) });
    if (!isPort(port)) {
      tell('PORT_INVALID', `${quoted(port)} is not a number from 1 to 65535, it is left out`);
      continue;
    }
    if (!isProtocol(protocol)) {
      const known =
        protocol === 'SCTP' ? 'SCTP is not supported' : `there is no protocol ${quoted(protocol)}`;
      const why = `${port} is refused: ${known}, TCP and UDP are; the other ports are served`;
      tell('PROTOCOL_REFUSED', why, 'service');
      continue;
    }
    const key = `${protocol}/${port}`;
    const other = ports.get(key);
    if (other)
      tell(
        'PORT_TWICE',
        `${key} is there more than once, only the one named ${quoted(other.portName ?? '')} is served`,
      );
    else ports.set(key, { key, ...(name ? { portName: name } : {}), protocol, port });
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
  return [...ports].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** '' when there is none: absent, null and '' are the same name. */
export function nameOf({ name }: { name?: unknown }): string {
  return typeof name === 'string' ? name : '';
}

/** The objects of what should be a list of them: manifests come from people too. */
export function objectsIn<T extends object>(list: readonly T[] | null | undefined): T[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
}
