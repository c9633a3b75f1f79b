/** Local routes: the pod takes every address of a VIP prefix for its own. */
import { createRtNetlink, FlagsNew, type RtNetlinkSocket, rt } from 'netlink';
import { decodeAddress, encodeAddress } from './addresses.ts';
import { problems } from './errors.ts';
import { createRequestQueue, NetlinkError, socketOptions } from './netlink.ts';

/**
 * Marks our routes among others of the table local (`ip route show table local proto 179`). Values from 4 on
 * are user space's own (include/uapi/linux/rtnetlink.h), and 179 is given to nobody there.
 */
export const routeProtocol: rt.RouteProtocol = Number(179);
const localTable = 255; // RT_TABLE_LOCAL
const inet = 2; // AF_INET

export interface LocalRoute {
  readonly prefix: string; // '203.0.113.0/28'
  readonly interfaceIndex: number;
}

export interface LocalRoutes {
  /** Ours only. */
  list(): Promise<LocalRoute[]>;
  add(route: LocalRoute): Promise<void>;
  remove(route: LocalRoute): Promise<void>;
  interfaceIndex(name: string): Promise<number>;
  close(): void;
}

export function openLocalRoutes(): LocalRoutes {
  const socket: RtNetlinkSocket = createRtNetlink(socketOptions);
  const queue = createRequestQueue(socket.socket);

  const ask = <Answer>(what: string, request: (options: { timeout: number }) => Promise<Answer>) =>
    queue.ask(what, request).catch((error: unknown) => {
      if (!(error instanceof NetlinkError)) throw error;
      throw error.code === 'EPERM' ? problems.NO_NET_ADMIN(what) : problems.NETLINK_REFUSED(what, error.code);
    });

  const message = ({ prefix, interfaceIndex }: LocalRoute): [rt.Route, rt.RouteAttrs] => {
    const [address = '', length] = prefix.split('/');
    return [
      {
        family: inet,
        dstLen: Number(length),
        table: localTable,
        protocol: routeProtocol,
        type: rt.RouteType.LOCAL,
        scope: rt.RouteScope.HOST,
      },
      { dst: Buffer.from(encodeAddress(address)), oif: interfaceIndex },
    ];
  };

  return {
    async list() {
      const found = await ask('list local routes', (options) =>
        socket.getRoutes({ family: inet }, {}, options),
      );
      return found
        .filter(
          ({ data, attrs }) => data.table === localTable && data.protocol === routeProtocol && attrs.dst,
        )
        .filter(({ data }) => data.type === 'LOCAL')
        .map(({ data, attrs }) => ({
          prefix: `${decodeAddress(4, attrs.dst ?? Buffer.alloc(4))}/${data.dstLen}`,
          interfaceIndex: attrs.oif ?? 0,
        }));
    },
    async add(route) {
      // Neither EXCL nor REPLACE: a route of somebody else to the same prefix stays beside ours.
      const flags = FlagsNew.CREATE;
      const [data, attrs] = message(route);
      await ask(`add local route ${route.prefix}`, (options) =>
        socket.newRoute(data, attrs, { flags, ...options }),
      );
    },
    async remove(route) {
      const [data, attrs] = message(route);
      await ask(`remove local route ${route.prefix}`, (options) => socket.delRoute(data, attrs, options));
    },
    async interfaceIndex(name) {
      const links = await ask('list interfaces', (options) => socket.getLinks({}, {}, options));
      const link = links.find(({ attrs }) => attrs.ifname === name);
      if (link?.data.index !== undefined) return link.data.index;
      throw problems.INTERFACE_MISSING(
        name,
        links.flatMap(({ attrs }) => attrs.ifname ?? []),
      );
    },
    close: () => socket.socket.close(),
  };
}
