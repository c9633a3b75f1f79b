import { isIPv4, isIPv6 } from 'node:net';

export interface Prefix {
  /** canonical: `address/length` */
  text: string;
  address: string;
  length: number;
  family: 4 | 6;
}

interface Bits {
  family: 4 | 6;
  value: bigint;
}

/** Reads `address/length`; host bits must be zero. Gives the reason as text when it is not a prefix. */
export function parsePrefix(text: string): Prefix | string {
  const [addressText = '', lengthText, ...rest] = text.split('/');
  const bits = parseAddress(addressText);
  if (bits === undefined) return 'is not an IP prefix (address/length, such as 203.0.113.0/28)';
  const width = widthOf(bits.family);
  if (lengthText === undefined) return `has no length; a single address is ${addressText}/${width}`;
  const length = /^(0|[1-9]\d{0,2})$/.test(lengthText) ? Number(lengthText) : Number.NaN;
  if (rest.length > 0 || !(length <= width)) return `has a length that is not a number from 0 to ${width}`;
  const network = networkOf(bits.value, length, width);
  const address = formatAddress({ family: bits.family, value: network });
  const canonical = `${address}/${length}`;
  if (network !== bits.value) return `has host bits set; the network is ${canonical}`;
  return { text: canonical, address, length, family: bits.family };
}

/** Whether the address (of either family) lies in the prefix; text that is no address lies in none. */
export function contains(prefix: Prefix, address: string): boolean {
  const bits = parseAddress(address);
  if (bits === undefined || bits.family !== prefix.family) return false;
  return networkOf(bits.value, prefix.length, widthOf(bits.family)) === bitsOf(prefix).value;
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? contains(a, b.address) : contains(b, a.address);
}

/**
 * The first address that a host may have: the one after the network's own, or the address itself where there
 * is no such thing as a network's own (/31, /32: RFC 3021; /127, /128: RFC 6164).
 */
export function firstUsable(prefix: Prefix): string {
  if (widthOf(prefix.family) - prefix.length <= 1) return prefix.address;
  return formatAddress({ family: prefix.family, value: bitsOf(prefix).value + 1n });
}

/** The family of an address, or undefined where the text is none. */
export function familyOf(address: string): 4 | 6 | undefined {
  return parseAddress(address)?.family;
}

function widthOf(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128;
}

function bitsOf(prefix: Prefix): Bits {
  return parseAddress(prefix.address) as Bits;
}

function networkOf(value: bigint, length: number, width: number): bigint {
  const hostBits = BigInt(width - length);
  return (value >> hostBits) << hostBits;
}

function parseAddress(text: string): Bits | undefined {
  if (isIPv4(text)) return { family: 4, value: parseIPv4(text) };
  // a zone (fe80::1%eth0) names an interface of one machine: it has no place in a prefix
  if (isIPv6(text) && !text.includes('%')) return { family: 6, value: parseIPv6(text) };
  return undefined;
}

function parseIPv4(text: string): bigint {
  return text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function parseIPv6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = new Array<bigint>(8 - before.length - after.length).fill(0n);
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const embedded = parseIPv4(group);
    return [embedded >> 16n, embedded & 0xffffn];
  });
}

function formatAddress({ family, value }: Bits): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  // RFC 5952: the first of the longest runs of two or more zero groups becomes ::
  const runs = [...groups.join(':').matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length);
  const run = runs[0];
  if (run === undefined) return groups.join(':');
  const whole = groups.join(':');
  const before = whole.slice(0, run.index).replace(/:$/, '');
  const after = whole.slice(run.index + run[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}
