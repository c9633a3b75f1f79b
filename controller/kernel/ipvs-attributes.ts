/**
 * The attributes of the generic netlink family IPVS (include/uapi/linux/ip_vs.h) and their meaning in our
 * words. Counters of destinations are left out: nobody reads them, and they are two thirds of a dump.
 */
import type { IpvsDestination, IpvsService, ServiceFlag } from '../core/types.ts';
import { decodeAddress, encodeAddress, familyOf } from './addresses.ts';
import { attributeSet, bytes, port, text, u16, u32, u64 } from './attributes.ts';

export const familyName = 'IPVS';
export const familyVersion = 1;

/** IPVS_CMD_* */
export const commands = {
  newService: 1,
  setService: 2,
  deleteService: 3,
  getService: 4,
  newDestination: 5,
  setDestination: 6,
  deleteDestination: 7,
  getDestination: 8,
} as const;

/** IPVS_STATS_ATTR_* in the 64-bit form of IPVS_SVC_ATTR_STATS64 (Linux ≥ 4.1) */
const stats64 = attributeSet({
  connections: [1, u64],
  inPackets: [2, u64],
  outPackets: [3, u64],
  inBytes: [4, u64],
  outBytes: [5, u64],
});

/** IPVS_SVC_ATTR_* */
const service = attributeSet({
  family: [1, u16],
  protocol: [2, u16],
  address: [3, bytes],
  port: [4, port],
  mark: [5, u32],
  scheduler: [6, text],
  flags: [7, bytes], // struct ip_vs_flags { flags, mask }
  timeoutSeconds: [8, u32],
  netmask: [9, bytes], // IPv4: network byte order; IPv6: the prefix length as a number
  stats64: [12, stats64],
});

/** IPVS_DEST_ATTR_* */
const destination = attributeSet({
  address: [1, bytes],
  port: [2, port],
  method: [3, u32],
  weight: [4, u32],
  upperThreshold: [5, u32],
  lowerThreshold: [6, u32],
  activeConnections: [7, u32],
  inactiveConnections: [8, u32],
  family: [11, u16],
});

/** IPVS_CMD_ATTR_* */
export const message = attributeSet({ service: [1, service], destination: [2, destination] });
export type Message = typeof message extends { decode(data: Buffer): infer M } ? M : never;
type ServiceValues = NonNullable<Message['service']>;
type DestinationValues = NonNullable<Message['destination']>;

/** What a virtual service has carried since it was made. */
export interface ServiceCounters {
  connections: number;
  inPackets: number;
  outPackets: number;
  inBytes: number;
  outBytes: number;
}

const addressFamilies = { 4: 2, 6: 10 } as const; // AF_INET, AF_INET6
const protocols = { TCP: 6, UDP: 17 } as const;
/** IP_VS_SVC_F_*; 0x2 (HASHED) is the kernel's own. */
const persistentFlag = 0x0001;
const flagBits = { ops: 0x0004, 'flag-1': 0x0008, 'flag-2': 0x0010, 'flag-3': 0x0020 } as const;
const flagNames = Object.keys(flagBits).sort() as ServiceFlag[];
const flagMask = 0x003d;
const wholeAddress = { 4: '255.255.255.255', 6: '128' } as const;
/** IP_VS_CONN_F_FWD_MASK and its values; masq is NAT. */
const methodMask = 0x7;
const methods = { masq: 0, local: 1, tunnel: 2, route: 3 } as const;
const methodNames = ['masq', 'local', 'tunnel', 'route'] as const;

export function identityOf(wanted: IpvsService): ServiceValues {
  const family = addressFamilies[wanted.family];
  if (wanted.mark !== undefined) return { family, mark: wanted.mark };
  const protocol = typeof wanted.protocol === 'string' ? protocols[wanted.protocol] : (wanted.protocol ?? 0);
  return { family, protocol, address: encodeAddress(wanted.address ?? ''), port: wanted.port ?? 0 };
}

/** A full entry: the kernel wants scheduler, flags, timeout and netmask together (ip_vs_genl_parse_service). */
export function serviceValues(wanted: IpvsService): ServiceValues {
  const { family, persistence } = wanted;
  const flags = wanted.flags.reduce((bits, flag) => bits | flagBits[flag], persistence ? persistentFlag : 0);
  const netmask = persistence?.netmask ?? wholeAddress[family];
  return {
    ...identityOf(wanted),
    scheduler: wanted.scheduler,
    flags: Buffer.concat([u32.encode(flags), u32.encode(flagMask)]),
    timeoutSeconds: persistence?.timeoutSeconds ?? 0,
    netmask: family === 6 ? u32.encode(Number(netmask)) : encodeAddress(netmask),
  };
}

export function serviceOf(values: ServiceValues): IpvsService {
  const family = values.family === addressFamilies[6] ? 6 : 4;
  const flags = values.flags ? u32.decode(Buffer.from(values.flags)) : 0;
  const rest = {
    scheduler: values.scheduler ?? '',
    flags: flagNames.filter((name) => (flags & flagBits[name]) !== 0),
    ...((flags & persistentFlag) !== 0 && { persistence: persistenceOf(values, family) }),
    destinations: [],
  };
  if (values.mark) return { family, mark: values.mark, ...rest };
  const protocol = values.protocol === 6 ? 'TCP' : values.protocol === 17 ? 'UDP' : (values.protocol ?? 0);
  const address = decodeAddress(family, values.address ?? new Uint8Array(16));
  return { family, protocol, address, port: values.port ?? 0, ...rest };
}

function persistenceOf({ timeoutSeconds = 0, netmask }: ServiceValues, family: 4 | 6) {
  if (!netmask) return { timeoutSeconds, netmask: wholeAddress[family] };
  return {
    timeoutSeconds,
    netmask: family === 6 ? String(u32.decode(Buffer.from(netmask))) : decodeAddress(4, netmask),
  };
}

export function destinationIdentity(wanted: IpvsDestination): DestinationValues {
  const family = addressFamilies[familyOf(wanted.address)];
  return { address: encodeAddress(wanted.address), port: wanted.port, family };
}

export function destinationValues(wanted: IpvsDestination): DestinationValues {
  const { weight, upperThreshold, lowerThreshold } = wanted;
  return {
    ...destinationIdentity(wanted),
    method: methods[wanted.method],
    weight,
    upperThreshold,
    lowerThreshold,
  };
}

/** @param serviceFamily kernels before 3.18 do not tell the family of a destination: it is the service's */
export function destinationOf(values: DestinationValues, serviceFamily: 4 | 6): IpvsDestination {
  const family = values.family === undefined ? serviceFamily : values.family === addressFamilies[6] ? 6 : 4;
  return {
    address: decodeAddress(family, values.address ?? new Uint8Array(16)),
    port: values.port ?? 0,
    weight: values.weight ?? 0,
    method: methodNames[(values.method ?? 0) & methodMask] ?? 'masq',
    upperThreshold: values.upperThreshold ?? 0,
    lowerThreshold: values.lowerThreshold ?? 0,
    activeConnections: values.activeConnections ?? 0,
    inactiveConnections: values.inactiveConnections ?? 0,
  };
}
