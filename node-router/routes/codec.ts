/**
 * rtnetlink route messages (linux/rtnetlink.h: struct rtmsg, RTA_*, struct rtnexthop). npm `netlink` has a codec of
 * its own, which leaves RTA_MULTIPATH as bytes and gives up a whole dump for one route that it cannot read.
 */
import { AttrStream, parseAttributes } from 'netlink';
import { canonical } from '../core/addresses.ts';
import type { KernelRoute, RouteType } from '../core/types.ts';

const familyInet = 2;
const headerBytes = 12; // struct rtmsg
const nexthopBytes = 8; // struct rtnexthop
export const mainTable = 254; // RT_TABLE_MAIN
const scope = { universe: 0, nowhere: 255 };
// RTN_*; 0 matches a route of any type in RTM_DELROUTE
const types: Record<RouteType, number> = { unicast: 1, blackhole: 6, other: 0 };
const clonedFlag = 0x200; // RTM_F_CLONED: an entry of a cache, not a route
const rta = { dst: 1, oif: 4, gateway: 5, priority: 6, multipath: 9, flow: 11, table: 15 };

export interface RouteMessage {
  readonly prefix: string;
  readonly metric: number;
  readonly protocol: number;
  readonly type: RouteType;
  readonly nexthops: readonly string[];
  /** of every next hop; 0: the kernel finds it by the gateway's address */
  readonly interfaceIndex: number;
}

/** The message for RTM_NEWROUTE, or for RTM_DELROUTE, which matches a route of any scope. */
export function encodeRoute(route: RouteMessage, use: 'new' | 'delete'): Uint8Array[] {
  const [address = '', length] = route.prefix.split('/');
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(familyInet, 0);
  header.writeUInt8(Number(length), 1);
  header.writeUInt8(mainTable, 4);
  header.writeUInt8(route.protocol, 5);
  header.writeUInt8(use === 'new' ? scope.universe : scope.nowhere, 6);
  header.writeUInt8(types[route.type], 7);
  const out = new AttrStream();
  out.emit(header);
  out.push(rta.dst, bytesOf(address));
  if (route.metric !== 0) out.push(rta.priority, u32(route.metric));
  const [only] = route.nexthops;
  if (route.nexthops.length > 1) {
    out.push(
      rta.multipath,
      Buffer.concat(route.nexthops.map((each) => encodeNexthop(each, route.interfaceIndex))),
    );
  } else if (only !== undefined) {
    out.push(rta.gateway, bytesOf(only));
    if (route.interfaceIndex !== 0) out.push(rta.oif, u32(route.interfaceIndex));
  }
  return out.bufs;
}

/** One struct rtnexthop with its RTA_GATEWAY; hops 0 is weight 1. */
function encodeNexthop(gateway: string, interfaceIndex: number): Buffer {
  const out = new AttrStream();
  out.push(rta.gateway, bytesOf(gateway));
  const attributes = Buffer.concat(out.bufs);
  const header = Buffer.alloc(nexthopBytes);
  header.writeUInt16LE(nexthopBytes + attributes.length, 0);
  header.writeInt32LE(interfaceIndex, 4);
  return Buffer.concat([header, attributes]);
}

/** The message of RTM_GETROUTE that asks for the way to one address. */
export function encodeLookup(address: string): Uint8Array[] {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(familyInet, 0);
  header.writeUInt8(32, 1);
  const out = new AttrStream();
  out.emit(header);
  out.push(rta.dst, bytesOf(address));
  return out.bufs;
}

export function encodeDump(): Uint8Array[] {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(familyInet, 0);
  return [header];
}

/** Whether the answer to a lookup says that the address is on a link of this node, not behind a gateway. */
export function isOnLink(data: Buffer): boolean {
  let gateway = false;
  parseAttributes(data.subarray(headerBytes), ({ type }) => {
    if (type === rta.gateway) gateway = true;
  });
  return data.readUInt8(7) === types.unicast && !gateway;
}

/** A route of RTM_NEWROUTE or RTM_DELROUTE; undefined for what is not an IPv4 route of a table, or is of one TOS. */
export function decodeRoute(data: Buffer): (KernelRoute & { table: number }) | undefined {
  if (data.length < headerBytes || data.readUInt8(0) !== familyInet || data.readUInt8(3) !== 0)
    return undefined;
  if ((data.readUInt32LE(8) & clonedFlag) !== 0) return undefined;
  const found = { address: '0.0.0.0', table: data.readUInt8(4), metric: 0, gateways: [] as string[] };
  let plain = true;
  parseAttributes(data.subarray(headerBytes), ({ type, data: value }) => {
    if (type === rta.dst) found.address = addressOf(value);
    else if (type === rta.table) found.table = value.readUInt32LE(0);
    else if (type === rta.priority) found.metric = value.readUInt32LE(0);
    else if (type === rta.gateway) found.gateways.push(addressOf(value));
    else if (type === rta.multipath) plain = decodeNexthops(value, found.gateways) && plain;
    else if (type !== rta.oif) plain = false;
  });
  return {
    prefix: `${found.address}/${data.readUInt8(1)}`,
    metric: found.metric,
    protocol: data.readUInt8(5),
    type: typeOf(data.readUInt8(7)),
    nexthops: canonical(found.gateways),
    plain,
    table: found.table,
  };
}

/** Gives false when a next hop is more than a gateway of weight 1. */
function decodeNexthops(data: Buffer, gateways: string[]): boolean {
  let plain = true;
  for (let rest = data; rest.length >= nexthopBytes; ) {
    const length = Math.max(rest.readUInt16LE(0), nexthopBytes);
    if (rest.readUInt8(3) !== 0) plain = false; // rtnh_hops: weight - 1
    parseAttributes(rest.subarray(nexthopBytes, length), ({ type, data: value }) => {
      if (type === rta.gateway) gateways.push(addressOf(value));
      else if (type !== rta.flow) plain = false;
    });
    rest = rest.subarray(Math.min((length + 3) & ~3, rest.length));
  }
  return plain;
}

function typeOf(value: number): RouteType {
  if (value === types.unicast) return 'unicast';
  return value === types.blackhole ? 'blackhole' : 'other';
}

function bytesOf(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function addressOf(value: Buffer): string {
  return [...value.subarray(0, 4)].join('.');
}

/** Netlink is in the machine's byte order; every machine that this runs on (x64, arm64) is little-endian. */
function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
