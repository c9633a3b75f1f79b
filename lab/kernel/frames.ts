// The frames that front end, keeper and agent pass to each other: one byte what it is, four bytes which
// command it belongs to, four bytes length, then the payload. They cross a unix socket (front end to keeper)
// and a serial line or socket pair (keeper to the agent in the guest).

export const FrameType = {
  /** agent → keeper: the guest is up. */
  ready: 1,
  /** → agent: start a command (JSON CommandRequest). */
  run: 2,
  /** → agent: bytes for the command's stdin; an empty payload closes it. */
  stdin: 3,
  /** → agent: a signal for the command's process group (name in the payload). */
  signal: 4,
  stdout: 5,
  stderr: 6,
  /** ← the command ended (JSON { code }). */
  exit: 7,
  /** ← the command asks that the front end return with this code while it goes on (JSON { code }). */
  detach: 8,
  /** front end → keeper: end the kernel and all that runs in it. */
  end: 9,
  /** keeper → front end: the kernel is gone (JSON { message }). */
  failed: 10,
  /** agent → keeper: so many bytes (four, big-endian) of the channel were read; see Feed. */
  taken: 11,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  type: FrameType;
  stream: number;
  payload: Buffer;
}

/** What the agent is asked to start. `main` marks the lab's own command, whose end ends the kernel. */
export interface CommandRequest {
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  main: boolean;
}

const headerBytes = 9;
/** Larger payloads are cut into several frames, so that no command holds the line for long. */
export const maxPayloadBytes = 32 * 1024;

export function encodeFrame(type: FrameType, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const frame = Buffer.alloc(headerBytes + body.length);
  frame.writeUInt8(type, 0);
  frame.writeUInt32BE(stream, 1);
  frame.writeUInt32BE(body.length, 5);
  body.copy(frame, headerBytes);
  return frame;
}

export function encodeJson(type: FrameType, stream: number, value: unknown): Buffer {
  return encodeFrame(type, stream, JSON.stringify(value));
}

/** Puts the pieces that a stream delivers together again. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    while (this.#rest.length >= headerBytes) {
      const end = headerBytes + this.#rest.readUInt32BE(5);
      if (this.#rest.length < end) break;
      frames.push({
        type: this.#rest.readUInt8(0) as FrameType,
        stream: this.#rest.readUInt32BE(1),
        payload: this.#rest.subarray(headerBytes, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
    return frames;
  }
}

/** Cuts bytes into payloads of a size that one frame may carry. */
export function* cutPayload(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += maxPayloadBytes) yield bytes.subarray(at, at + maxPayloadBytes);
}
