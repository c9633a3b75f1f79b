export interface Feed {
  send(bytes: Buffer): void;
  /** The guest has read so many bytes. */
  taken(byteCount: number): void;
}

/**
 * Half of what a terminal line buffers (N_TTY_BUF_SIZE, 4096): User-Mode Linux stops a line whose buffer is full
 * and does not start it again (line_throttle in arch/um/drivers/line.c), so the buffer must never fill.
 */
const windowBytes = 2048;

/** Writes in pieces, with at most windowBytes on their way that the guest has not read. */
export function createFeed(write: (piece: Buffer) => void): Feed {
  const queue: Buffer[] = [];
  let onTheirWay = 0;

  function pump(): void {
    while (queue.length > 0 && onTheirWay < windowBytes) {
      const next = queue.shift() as Buffer;
      const piece = next.subarray(0, windowBytes - onTheirWay);
      if (piece.length < next.length) queue.unshift(next.subarray(piece.length));
      onTheirWay += piece.length;
      write(piece);
    }
  }

  return {
    send(bytes) {
      queue.push(bytes);
      pump();
    },
    taken(byteCount) {
      onTheirWay -= byteCount;
      pump();
    },
  };
}
