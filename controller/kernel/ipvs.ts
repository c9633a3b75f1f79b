/** IPVS of this network namespace over generic netlink. */
import { FlagsGet } from 'netlink';
import type { IpvsDestination, IpvsService } from '../core/types.ts';
import {
  commands,
  destinationIdentity,
  destinationOf,
  destinationValues,
  identityOf,
  type Message,
  type ServiceCounters,
  serviceOf,
  serviceValues,
} from './ipvs-attributes.ts';
import { explain, nameOf, openIpvsSocket, serverName } from './ipvs-socket.ts';
import { NetlinkError } from './netlink.ts';

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
  const socket = await openIpvsSocket();

  /** A change; `settled` holds the errors that mean that somebody else was faster. */
  const change = async (what: string, command: number, content: Message, settled: readonly string[] = []) => {
    try {
      await socket.send(what, command, content);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && settled.includes(error.code)) return false;
      throw explain(error, what, content);
    }
  };

  const dump = (what: string, command: number, content: Message) =>
    socket.send(what, command, content, FlagsGet.DUMP).catch((error: unknown) => {
      throw explain(error, what, content);
    });

  const dumpServices = async () => {
    const what = 'list virtual services';
    const parts = await dump(what, commands.getService, {});
    return parts.flatMap((part) => part.service ?? []);
  };

  const destinationsOf = async (service: IpvsService): Promise<IpvsDestination[]> => {
    const what = `list real servers of ${nameOf(service)}`;
    const content = { service: identityOf(service) };
    const parts = await dump(what, commands.getDestination, content);
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
    close: () => socket.close(),
  };
  return ipvs;
}
