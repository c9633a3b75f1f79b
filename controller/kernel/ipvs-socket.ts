/** A generic netlink socket that speaks the family IPVS, and what it refuses in words. */
import { createGenericNetlink, type GenericNetlinkSocket, genl } from 'netlink';
import type { IpvsDestination, IpvsService } from '../core/types.ts';
import { problems } from './errors.ts';
import { familyName, familyVersion, type Message, message } from './ipvs-attributes.ts';
import { createRequestQueue, NetlinkError, type RequestQueue, socketOptions } from './netlink.ts';

export interface IpvsSocket {
  /** @param flags FlagsGet.DUMP for a list. Throws NetlinkError, or Problem when the kernel stays silent. */
  send(what: string, command: number, content: Message, flags?: number): Promise<Message[]>;
  close(): void;
}

/** Throws Problem when the kernel has no IPVS or the privilege is missing. */
export async function openIpvsSocket(): Promise<IpvsSocket> {
  const socket = createGenericNetlink(socketOptions);
  const queue = createRequestQueue(socket.socket);
  const close = () => socket.socket.close();
  const family = await findFamily(socket, queue).catch((error: unknown) => {
    close();
    throw error;
  });
  return {
    async send(what, command, content, flags = 0) {
      const data = message.encode(content);
      const [parts] = await queue.ask(what, (options) =>
        socket.request(family, command, familyVersion, data, { flags, ...options }),
      );
      return parts.map((part) => message.decode(part.data));
    },
    close,
  };
}

/** The kernel loads ip_vs by itself if the node has the module (net/netlink/genetlink.c ctrl_getfamily). */
async function findFamily(socket: GenericNetlinkSocket, queue: RequestQueue): Promise<number> {
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

export function explain(error: unknown, what: string, content: Message): unknown {
  if (!(error instanceof NetlinkError)) return error;
  if (error.code === 'EPERM') return problems.NO_NET_ADMIN(`IPVS: ${what}`);
  const scheduler = content.service?.scheduler;
  if (error.code === 'ENOENT' && scheduler !== undefined) return problems.SCHEDULER_MISSING(scheduler);
  // ip_vs_new_dest: neither RTN_UNICAST nor RTN_LOCAL
  if (error.code === 'EINVAL' && content.destination?.weight !== undefined)
    return problems.SERVER_ADDRESS_REFUSED(what, error.code);
  return problems.IPVS_REFUSED(what, error.code);
}

export function nameOf({ mark, protocol, address, port }: IpvsService): string {
  return mark === undefined
    ? `virtual service ${protocol} ${address}:${port}`
    : `virtual service FWM ${mark}`;
}

export function serverName({ address, port }: IpvsDestination): string {
  return `real server ${address}:${port}`;
}
