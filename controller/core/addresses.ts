/** IPv4 addresses as numbers: the canonical order of real servers is numeric, not alphabetic. */
import { isIPv4 } from 'node:net';

/** 0 … 2³²−1; the text must have passed isIPv4. */
export function addressNumber(text: string): number {
  let number = 0;
  let octet = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i);
    if (digit === 46) {
      number = number * 256 + octet;
      octet = 0;
    } else {
      octet = octet * 10 + digit - 48;
    }
  }
  return number * 256 + octet;
}

interface Place {
  address: string;
  port: number;
}

/** The same servers in the order of their numeric address, then port: every LB pod builds the same list. */
export function sortPlaces<T extends Place>(places: readonly T[]): T[] {
  return places
    .map((place) => ({ place, number: addressNumber(place.address) }))
    .sort((a, b) => a.number - b.number || a.place.port - b.place.port)
    .map(({ place }) => place);
}

const ranges = [
  { prefix: '0.0.0.0', length: 8, why: 'it means "this host"' },
  { prefix: '127.0.0.0', length: 8, why: 'it is a loopback address' },
  { prefix: '169.254.0.0', length: 16, why: 'it is a link-local address' },
  { prefix: '224.0.0.0', length: 3, why: 'it is a multicast or reserved address' },
];

function inside(number: number, prefix: string, length: number): boolean {
  const size = 2 ** (32 - length);
  return Math.floor(number / size) === Math.floor(addressNumber(prefix) / size);
}

/** Why an address cannot be a real server, or undefined when it can. */
export function whyNotAServer(address: unknown, vipPrefixes: readonly string[]): string | undefined {
  if (typeof address !== 'string' || !isIPv4(address)) return 'it is not an IPv4 address';
  const number = addressNumber(address);
  for (const range of ranges) if (inside(number, range.prefix, range.length)) return range.why;
  // The pod holds the whole prefix as local addresses: a server in there would be the LB pod itself.
  const within = vipPrefixOf(address, vipPrefixes);
  return within && `it is inside the VIP prefix ${within}`;
}

/** The prefix that has this address. */
export function vipPrefixOf(address: string, vipPrefixes: readonly string[]): string | undefined {
  if (!isIPv4(address)) return undefined;
  return vipPrefixes.find((text) => {
    const [prefix = '', length = ''] = text.split('/');
    return isIPv4(prefix) && inside(addressNumber(address), prefix, Number(length));
  });
}

export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
}
