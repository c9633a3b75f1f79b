/** IP addresses as the bytes of netlink messages. */
import { isIPv6, SocketAddress } from 'node:net';

export function familyOf(address: string): 4 | 6 {
  return isIPv6(address) ? 6 : 4;
}

/** Network byte order: 4 bytes or 16. */
export function encodeAddress(address: string): Uint8Array {
  if (!isIPv6(address)) return Uint8Array.from(address.split('.', 4), Number);
  const [head = '', tail] = address.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

/** IPVS gives 16 bytes for both families (union nf_inet_addr); IPv4 stands in the first four. */
export function decodeAddress(family: 4 | 6, data: Uint8Array): string {
  if (family === 4) return `${data[0]}.${data[1]}.${data[2]}.${data[3]}`;
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push((((data[at] ?? 0) << 8) | (data[at + 1] ?? 0)).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
