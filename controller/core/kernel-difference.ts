/**
 * What IPVS should hold against what it holds: exactly the entries that differ, in an order in which they can
 * be carried out one by one (services before their destinations, additions before removals).
 */
import { describeOther } from './scheduling.ts';
import type {
  IpvsDestination,
  IpvsService,
  KernelDifference,
  WantedDestination,
  WantedService,
} from './types.ts';

/** `checkedOut`: 'mark address:port' of servers that keepalived's own checks took out. */
export function compareKernel(
  wanted: readonly WantedService[],
  held: readonly IpvsService[],
  checkedOut: ReadonlySet<string>,
): KernelDifference[] {
  const heldByMark = new Map<number, IpvsService>();
  const foreign: KernelDifference[] = [];
  const marks = new Set(wanted.map(({ mark }) => mark));
  for (const service of held) {
    if (service.family === 4 && service.mark && marks.has(service.mark))
      heldByMark.set(service.mark, service);
    else foreign.push({ kind: 'delete-service', service, why: `${nameService(service)} is not ours` });
  }
  return [
    ...wanted.flatMap((service) => compareService(service, heldByMark.get(service.mark), checkedOut)),
    ...foreign,
  ];
}

function compareService(
  wanted: WantedService,
  held: IpvsService | undefined,
  checkedOut: ReadonlySet<string>,
): KernelDifference[] {
  const { realServers: _, mark, ...scheduling } = wanted;
  const service: IpvsService = { family: 4, mark, ...scheduling, destinations: held?.destinations ?? [] };
  const destinations = compareDestinations(wanted, service, checkedOut);
  if (!held) return [{ kind: 'add-service', service, why: `FWM ${mark} is missing` }, ...destinations];
  const why = describeOther(scheduling, held);
  if (why === '') return destinations;
  return [{ kind: 'set-service', service, why: `FWM ${mark} has ${why}` }, ...destinations];
}

function compareDestinations(
  { mark, realServers }: WantedService,
  service: IpvsService,
  checkedOut: ReadonlySet<string>,
): KernelDifference[] {
  const held = new Map(service.destinations.map((server) => [place(server), server]));
  const added: KernelDifference[] = [];
  const changed: KernelDifference[] = [];
  const deleted: KernelDifference[] = [];
  for (const server of realServers) {
    const at = place(server);
    const name = `FWM ${mark} -> ${at}`;
    const has = held.get(at);
    held.delete(at);
    const out = checkedOut.size > 0 && checkedOut.has(`${mark} ${at}`);
    // Nearly every server of nearly every look.
    if (has && !out && isAsWanted(server, has)) continue;
    if (!has) {
      // Taken out by a check: rightly absent. Only keepalived puts it back.
      if (!out)
        added.push({
          kind: 'add-destination',
          service,
          destination: destinationOf(server),
          why: `${name} is missing`,
        });
      continue;
    }
    if (out && !server.inhibitOnFailure && has.weight > 0) {
      deleted.push({
        kind: 'delete-destination',
        service,
        destination: has,
        why: `${name} failed its health check and is still there`,
      });
      continue;
    }
    const should = destinationOf(out ? { ...server, weight: 0 } : server, has);
    const why = describeFault(should, has);
    if (why)
      changed.push({ kind: 'set-destination', service, destination: should, why: `${name} has ${why}` });
  }
  for (const [other, destination] of held)
    deleted.push({
      kind: 'delete-destination',
      service,
      destination,
      why: `FWM ${mark} -> ${other} is not a server of the Service`,
    });
  return [...added, ...changed, ...deleted];
}

function isAsWanted(server: WantedDestination, has: IpvsDestination): boolean {
  return (
    has.weight === server.weight &&
    has.method === 'masq' &&
    has.upperThreshold === server.upperThreshold &&
    has.lowerThreshold === server.lowerThreshold
  );
}

function describeFault(should: IpvsDestination, has: IpvsDestination): string {
  const faults = [
    has.weight === should.weight ? '' : `weight ${has.weight} instead of ${should.weight}`,
    has.method === should.method ? '' : `forwarding method ${has.method} instead of ${should.method}`,
    has.upperThreshold === should.upperThreshold
      ? ''
      : `upper threshold ${has.upperThreshold} instead of ${should.upperThreshold}`,
    has.lowerThreshold === should.lowerThreshold
      ? ''
      : `lower threshold ${has.lowerThreshold} instead of ${should.lowerThreshold}`,
  ];
  return faults.filter((fault) => fault !== '').join(', ');
}

function destinationOf(server: WantedDestination, has?: IpvsDestination): IpvsDestination {
  const { address, port, weight, upperThreshold, lowerThreshold } = server;
  const { activeConnections = 0, inactiveConnections = 0 } = has ?? {};
  return {
    address,
    port,
    weight,
    method: 'masq',
    upperThreshold,
    lowerThreshold,
    activeConnections,
    inactiveConnections,
  };
}

function place({ address, port }: { address: string; port: number }): string {
  return `${address}:${port}`;
}

function nameService({ family, mark, protocol, address, port }: IpvsService): string {
  if (mark) return family === 6 ? `FWM ${mark} IPv6` : `FWM ${mark}`;
  return `${protocol} ${address}:${port}`;
}
