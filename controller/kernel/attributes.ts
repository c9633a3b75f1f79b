/**
 * Netlink attributes (include/uapi/linux/netlink.h, struct nlattr) declared as data: a table says name, number
 * and type of each, and gives both directions. Attributes that are not in the table are skipped in replies.
 */
import { endianness } from 'node:os';

export interface Codec<Value> {
  encode(value: Value): Uint8Array;
  /** The bytes from start to end: a view of each attribute would be most of the garbage of a long list. */
  decode(data: Buffer, start?: number, end?: number): Value;
}

type Shape = Readonly<Record<string, readonly [number, Codec<unknown>]>>;
export type ValuesOf<S extends Shape> = {
  -readonly [Name in keyof S]?: S[Name][1] extends Codec<infer Value> ? Value : never;
};

const headerLength = 4;
const nestedFlag = 0x8000;
const typeMask = 0x3fff; // NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER
const littleEndian = endianness() === 'LE';

/** Node's own readers make an array of their arguments at each call, which was a quarter of all garbage of a change. */
function read(data: Uint8Array, start: number, length: number, lowestFirst: boolean): number {
  if (start + length > data.length) throw new RangeError(`netlink value of ${length} bytes ends too early`);
  let value = 0;
  for (let index = 0; index < length; index++)
    value = value * 256 + (data[lowestFirst ? start + length - 1 - index : start + index] as number);
  return value;
}

/** Netlink speaks the byte order of the machine, but for what the protocol says. */
export const u16: Codec<number> = {
  encode: (value) => new Uint8Array(Uint16Array.of(value).buffer),
  decode: (data, start = 0) => read(data, start, 2, littleEndian),
};

export const u32: Codec<number> = {
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (data, start = 0) => read(data, start, 4, littleEndian),
};

export const u32BigEndian: Codec<number> = {
  encode: (value) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value),
  decode: (data, start = 0) => read(data, start, 4, false),
};

/** A counter: exact up to 2^53. */
export const u64: Codec<number> = {
  encode: (value) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer),
  decode: (data, start) => Number(littleEndian ? data.readBigUInt64LE(start) : data.readBigUInt64BE(start)),
};

export const port: Codec<number> = {
  encode: (value) => Uint8Array.of(value >> 8, value & 0xff),
  decode: (data, start = 0) => read(data, start, 2, false),
};

/** Ends with NUL. */
export const text: Codec<string> = {
  encode: (value) => Buffer.from(`${value}\0`),
  decode: (data, start = 0, end = data.length) => {
    const nul = data.indexOf(0, start);
    return data.toString('latin1', start, nul === -1 || nul > end ? end : nul);
  },
};

export const bytes: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (data, start, end) => data.subarray(start, end),
};

export interface AttributeSet<Values> extends Codec<Values> {
  readonly isSet: true;
}

export function attributeSet<S extends Shape>(shape: S): AttributeSet<ValuesOf<S>> {
  const byType: { name: string; codec: Codec<unknown> }[] = [];
  for (const [name, [type, codec]] of Object.entries(shape)) byType[type] = { name, codec };
  return {
    isSet: true,
    encode(values) {
      const parts: Uint8Array[] = [];
      for (const [name, [type, codec]] of Object.entries(shape)) {
        const value: unknown = values[name];
        if (value === undefined) continue;
        parts.push(...encodeAttribute(type | ('isSet' in codec ? nestedFlag : 0), codec.encode(value)));
      }
      return Buffer.concat(parts);
    },
    decode(data, start = 0, end = data.length) {
      const values: Record<string, unknown> = {};
      for (let offset = start; offset + headerLength <= end; ) {
        const length = u16.decode(data, offset);
        if (length < headerLength || offset + length > end)
          throw new RangeError(`netlink attribute of ${length} bytes at ${offset - start} of ${end - start}`);
        const known = byType[u16.decode(data, offset + 2) & typeMask];
        if (known) values[known.name] = known.codec.decode(data, offset + headerLength, offset + length);
        offset += align(length);
      }
      return values as ValuesOf<S>;
    },
  };
}

function encodeAttribute(type: number, payload: Uint8Array): Uint8Array[] {
  const length = headerLength + payload.length;
  return [u16.encode(length), u16.encode(type), payload, new Uint8Array(align(length) - length)];
}

/** NLA_ALIGN */
function align(length: number): number {
  return (length + 3) & ~3;
}
