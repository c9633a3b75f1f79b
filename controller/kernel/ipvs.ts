/** IPVS of this network namespace over generic netlink. */
import { createGenericNetlink, FlagsGet, genl } from 'netlink';
import type { IpvsDestination, IpvsService } from '../core/types.ts';
import { problems } from './errors.ts';
import {
  commands,
  destinationIdentity,
  destinationOf,
  destinationValues,
  familyName,
  familyVersion,
  identityOf,
  type Message,
  message,
  type ServiceCounters,
  serviceOf,
  serviceValues,
} from './ipvs-attributes.ts';
import { createRequestQueue, NetlinkError, socketOptions } from './netlink.ts';

/** Every method throws Problem. A pod's IPVS has other writers (keepalived), so adding and deleting are results: */
export interface Ipvs {
  services(): Promise<IpvsService[]>;
  /** What each virtual service has carried so far, without its real servers. */
  counters(): Promise<{ service: IpvsService; counters: ServiceCounters }[]>;
  /** Sets it if it is there already. Does not add its destinations. */
  addService(service: IpvsService): Promise<void>;
  setService(service: IpvsService): Promise<void>;
  /** Well if it is gone already. */
  deleteService(service: IpvsService): Promise<void>;
  /** Sets it if it is there already. */
  addDestination(service: IpvsService, destination: IpvsDestination): Promise<void>;
  setDestination(service: IpvsService, destination: IpvsDestination): Promise<void>;
  /** Well if it is gone already. */
  deleteDestination(service: IpvsService, destination: IpvsDestination): Promise<void>;
  close(): void;
}

export async function openIpvs(): Promise<Ipvs> {
  const socket = createGenericNetlink(socketOptions);
  const queue = createRequestQueue(socket.socket);
  const close = () => socket.socket.close();
  const family = await findFamily(socket, queue).catch((error: unknown) => {
    close();
    throw error;
  });

  const send = async (what: string, command: number, content: Message, flags = 0) => {
    const data = message.encode(content);
    const request = (options: { timeout: number }) =>
      socket.request(family, command, familyVersion, data, { flags, ...options });
    const [parts] = await queue.ask(what, request);
    return parts.map((part) => message.decode(part.data));
  };

  /** A change; `settled` holds the errors that mean that somebody else was faster. */
  const change = async (what: string, command: number, content: Message, settled: readonly string[] = []) => {
    try {
      await send(what, command, content);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && settled.includes(error.code)) return false;
      throw explain(error, what, content);
    }
  };

  const dumpServices = async () => {
    const what = 'list virtual services';
    const parts = await send(what, commands.getService, {}, FlagsGet.DUMP).catch((error: unknown) => {
      throw explain(error, what, {});
    });
    return parts.flatMap((part) => part.service ?? []);
  };

  const destinationsOf = async (service: IpvsService): Promise<IpvsDestination[]> => {
    const what = `list real servers of ${nameOf(service)}`;
    const content = { service: identityOf(service) };
    const parts = await send(what, commands.getDestination, content, FlagsGet.DUMP).catch(
      (error: unknown) => {
        throw explain(error, what, content);
      },
    );
    // More than some ninety come in several messages, with the list free to change between them: an entry that
    // another writer adds shifts the rest, and one comes twice (ip_vs_genl_dump_dests counts from the head).
    // One that is deleted can hide another for this once: whoever misses an entry should look again.
    const found = new Map<string, IpvsDestination>();
    for (const { destination } of parts) {
      if (!destination) continue;
      const server = destinationOf(destination, service.family);
      found.set(`${server.address} ${server.port}`, server);
    }
    return [...found.values()];
  };

  const ipvs: Ipvs = {
    async services() {
      const services = (await dumpServices()).map(serviceOf);
      for (const service of services) service.destinations = await destinationsOf(service);
      if (services.every((service) => service.destinations.length > 0)) return services;
      // The destinations of a service that has gone meanwhile come as an empty list, not as an error.
      const now = new Set((await dumpServices()).map((values) => nameOf(serviceOf(values))));
      return services.filter((service) => service.destinations.length > 0 || now.has(nameOf(service)));
    },
    async counters() {
      const zero = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };
      return (await dumpServices()).map((values) => ({
        service: serviceOf(values),
        counters: { ...zero, ...values.stats64 },
      }));
    },
    async addService(service) {
      const what = `add ${nameOf(service)}`;
      const content = { service: serviceValues(service) };
      if (!(await change(what, commands.newService, content, ['EEXIST']))) await ipvs.setService(service);
    },
    async setService(service) {
      await change(`set ${nameOf(service)}`, commands.setService, { service: serviceValues(service) });
    },
    async deleteService(service) {
      const content = { service: identityOf(service) };
      await change(`delete ${nameOf(service)}`, commands.deleteService, content, ['ESRCH', 'ENOENT']);
    },
    async addDestination(service, destination) {
      const what = `add ${serverName(destination)} to ${nameOf(service)}`;
      const content = { service: identityOf(service), destination: destinationValues(destination) };
      if (!(await change(what, commands.newDestination, content, ['EEXIST'])))
        await ipvs.setDestination(service, destination);
    },
    async setDestination(service, destination) {
      const what = `set ${serverName(destination)} of ${nameOf(service)}`;
      const content = { service: identityOf(service), destination: destinationValues(destination) };
      await change(what, commands.setDestination, content);
    },
    async deleteDestination(service, destination) {
      const what = `delete ${serverName(destination)} of ${nameOf(service)}`;
      const content = { service: identityOf(service), destination: destinationIdentity(destination) };
      await change(what, commands.deleteDestination, content, ['ESRCH', 'ENOENT']);
    },
    close,
  };
  return ipvs;
}

/** The kernel loads ip_vs by itself if the node has the module (genl's ctrl_getfamily asks for it). */
async function findFamily(
  socket: ReturnType<typeof createGenericNetlink>,
  queue: ReturnType<typeof createRequestQueue>,
): Promise<number> {
  try {
    const [found] = await queue.ask('find IPVS', (options) =>
      socket.ctrlRequest(genl.Commands.GET_FAMILY, { familyName }, options),
    );
    if (found?.familyId === undefined) throw problems.IPVS_MISSING();
    return found.familyId;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') throw problems.IPVS_MISSING();
    throw explain(error, 'find IPVS', {});
  }
}

function explain(error: unknown, what: string, content: Message): unknown {
  if (!(error instanceof NetlinkError)) return error;
  if (error.code === 'EPERM') return problems.NO_NET_ADMIN(`IPVS: ${what}`);
  const scheduler = content.service?.scheduler;
  if (error.code === 'ENOENT' && scheduler !== undefined) return problems.SCHEDULER_MISSING(scheduler);
  return problems.IPVS_REFUSED(what, error.code);
}

function nameOf({ mark, protocol, address, port }: IpvsService): string {
  return mark === undefined
    ? `virtual service ${protocol} ${address}:${port}`
    : `virtual service FWM ${mark}`;
}

function serverName({ address, port }: IpvsDestination): string {
  return `real server ${address}:${port}`;
}
