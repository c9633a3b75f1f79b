/** rtnetlink link messages (linux/if_link.h: struct ifinfomsg, IFLA_IFNAME). */
import { parseAttributes } from 'netlink';

const headerBytes = 16; // struct ifinfomsg
const nameAttribute = 3; // IFLA_IFNAME

export function encodeLinkDump(): Uint8Array[] {
  return [Buffer.alloc(headerBytes)];
}

export function decodeLink(data: Buffer): { name: string; index: number } {
  let name = '';
  parseAttributes(data.subarray(headerBytes), ({ type, data: value }) => {
    if (type === nameAttribute) name = value.toString('utf8').replace(/\0.*$/s, '');
  });
  return { name, index: data.readInt32LE(4) };
}
