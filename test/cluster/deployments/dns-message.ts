/** As much of the DNS' messages (RFC 1035, EDNS RFC 6891, NSID RFC 5001) as a test asks for. */

export interface DnsAnswer {
  id: number;
  /** 0: no error. */
  responseCode: number;
  addresses: string[];
  /** What the server calls itself. */
  server: string;
}

const types = { address: 1, options: 41 };
const nsid = 3;

/** Asks for the IPv4 addresses of a name, and for the server's own. */
export function query({ id, name }: { id: number; name: string }): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([
    // One question, one additional record.
    numbers(id, 0, 1, 0, 0, 1),
    ...labels,
    Buffer.from([0]),
    numbers(types.address, 1),
    Buffer.from([0]),
    // The record's class is the size of answers that are taken; then extended flags, length and the empty option.
    numbers(types.options, 1232, 0, 0, 4, nsid, 0),
  ]);
}

function numbers(...values: number[]): Buffer {
  const buffer = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => {
    buffer.writeUInt16BE(value, 2 * i);
  });
  return buffer;
}

export function readAnswer(message: Buffer): DnsAnswer {
  const [questions = 0, ...records] = [4, 6, 8, 10].map((place) => message.readUInt16BE(place));
  const answer: DnsAnswer = {
    id: message.readUInt16BE(0),
    responseCode: message.readUInt16BE(2) & 15,
    addresses: [],
    server: '',
  };
  let place = 12;
  for (let i = 0; i < questions; i++) place = afterName(message, place) + 4;
  const count = records.reduce((sum, each) => sum + each, 0);
  for (let i = 0; i < count; i++) {
    place = afterName(message, place);
    const type = message.readUInt16BE(place);
    const data = message.subarray(place + 10, place + 10 + message.readUInt16BE(place + 8));
    place += 10 + data.length;
    if (type === types.address) answer.addresses.push(data.join('.'));
    if (type === types.options) answer.server = serverName(data);
  }
  return answer;
}

/** A name is labels up to an empty one, or to a pointer of two bytes. */
function afterName(message: Buffer, start: number): number {
  let place = start;
  for (;;) {
    const length = message.readUInt8(place);
    if (length >= 0xc0) return place + 2;
    place += 1 + length;
    if (length === 0) return place;
  }
}

function serverName(options: Buffer): string {
  for (let place = 0; place + 4 <= options.length; ) {
    const length = options.readUInt16BE(place + 2);
    if (options.readUInt16BE(place) === nsid) return options.toString('utf8', place + 4, place + 4 + length);
    place += 4 + length;
  }
  return '';
}
