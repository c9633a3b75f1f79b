/**
 * Netlink attributes (include/uapi/linux/netlink.h, struct nlattr) declared as data: a table says name, number
 * and type of each, and gives both directions. Attributes that are not in the table are skipped in replies.
 */
import { endianness } from 'node:os';

export interface Codec<Value> {
  encode(value: Value): Uint8Array;
  decode(data: Buffer): Value;
}

type Shape = Readonly<Record<string, readonly [number, Codec<unknown>]>>;
export type ValuesOf<S extends Shape> = {
  -readonly [Name in keyof S]?: S[Name][1] extends Codec<infer Value> ? Value : never;
};

const headerLength = 4;
const nestedFlag = 0x8000;
const typeMask = 0x3fff; // NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER
const littleEndian = endianness() === 'LE';

/** Netlink speaks the byte order of the machine, but for what the protocol says. */
export const u16: Codec<number> = {
  encode: (value) => new Uint8Array(Uint16Array.of(value).buffer),
  decode: (data) => (littleEndian ? data.readUInt16LE() : data.readUInt16BE()),
};

export const u32: Codec<number> = {
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (data) => (littleEndian ? data.readUInt32LE() : data.readUInt32BE()),
};

export const u32BigEndian: Codec<number> = {
  encode: (value) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value),
  decode: (data) => data.readUInt32BE(),
};

/** A counter: exact up to 2^53. */
export const u64: Codec<number> = {
  encode: (value) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer),
  decode: (data) => Number(littleEndian ? data.readBigUInt64LE() : data.readBigUInt64BE()),
};

export const port: Codec<number> = {
  encode: (value) => Uint8Array.of(value >> 8, value & 0xff),
  decode: (data) => data.readUInt16BE(),
};

/** Ends with NUL. */
export const text: Codec<string> = {
  encode: (value) => Buffer.from(`${value}\0`),
  decode: (data) => {
    const end = data.indexOf(0);
    return data.toString('latin1', 0, end === -1 ? data.length : end);
  },
};

export const bytes: Codec<Uint8Array> = { encode: (value) => value, decode: (data) => data };

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
    decode(data) {
      const values: Record<string, unknown> = {};
      for (let offset = 0; offset + headerLength <= data.length; ) {
        const length = littleEndian ? data.readUInt16LE(offset) : data.readUInt16BE(offset);
        if (length < headerLength || offset + length > data.length)
          throw new RangeError(`netlink attribute of ${length} bytes at ${offset} of ${data.length}`);
        const type = littleEndian ? data.readUInt16LE(offset + 2) : data.readUInt16BE(offset + 2);
        const known = byType[type & typeMask];
        if (known)
          values[known.name] = known.codec.decode(data.subarray(offset + headerLength, offset + length));
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
