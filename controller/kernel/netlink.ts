/**
 * Requests to the kernel over npm's `netlink`, made safe: one in flight at a time (the package joins parts of
 * a dump by arrival), each with a deadline, and with the errno as a code.
 */
import type { EventEmitter } from 'node:events';
import { reasonOf } from '../../common/problem.ts';
import { problems } from './errors.ts';

const timeoutMs = 2000;

/** One read holds the longest message that the kernel makes (netlink_dump: 32 KiB), so none needs a peek. */
export const socketOptions = {
  messagePeeking: false,
  msgBufferSize: 64 * 1024,
  recvBufferSize: 1024 * 1024,
  sendBufferSize: 256 * 1024,
};

/** What the kernel answered, by its name: 'ENOENT', 'EPERM', … */
export class NetlinkError extends Error {
  readonly code: string;

  constructor(what: string, code: string) {
    super(`${what}: ${code}`);
    this.code = code;
  }
}

export interface RequestQueue {
  /** @param what names the request in errors. Throws NetlinkError, or Problem when the kernel stays silent. */
  ask<Answer>(what: string, request: (options: { timeout: number }) => Promise<Answer>): Promise<Answer>;
}

export function createRequestQueue(socket: EventEmitter): RequestQueue {
  let last: Promise<unknown> = Promise.resolve();
  let socketTrouble = '';
  // Without a listener a receive error (ENOBUFS) would end the process; the request then meets its deadline.
  socket.on('error', (error: Error) => {
    socketTrouble = error.message;
  });

  const ask = async <Answer>(what: string, request: (options: { timeout: number }) => Promise<Answer>) => {
    try {
      return await request({ timeout: timeoutMs });
    } catch (error) {
      const reason = reasonOf(error);
      const refused = /^Request rejected: (\S+)$/.exec(reason); // all that the package tells of an errno
      if (refused?.[1]) throw new NetlinkError(what, refused[1]);
      throw problems.KERNEL_SILENT(what, timeoutMs, socketTrouble || reason);
    }
  };

  return {
    ask(what, request) {
      const answer = last.then(() => ask(what, request));
      last = answer.catch(() => undefined);
      return answer;
    },
  };
}
