/**
 * What keepalived's health checks took out, known from the FIFO that it tells its changes to
 * (`lvs_notify_fifo`). The FIFO gives edges, so it is opened before keepalived starts and held open for the
 * controller's life; `rs_init_notifies` makes keepalived tell every server at its start.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { reasonOf, systemCode } from '../../common/problem.ts';
import { problems } from '../errors.ts';

/** A real server that keepalived put into (`up`) or took out of a virtual service. */
export interface CheckEvent {
  readonly mark: number;
  readonly address: string;
  readonly port: number;
  readonly up: boolean;
}

/** 'mark address:port' */
export function checkKey({ mark, address, port }: Omit<CheckEvent, 'up'>): string {
  return `${mark} ${address}:${port}`;
}

// keepalived ipwrapper.c notify_fifo_rs: "RS [10.0.0.1]:none:80 FWM 1 UP"; the protocol of a fwmark service
// is "none" in 2.2.7 and 2.3.3. Lines of whole services ("VS FWM 1 DOWN") follow from these and are ignored.
const serverLine = /^RS \[([^\]]+)\]:\w*\??:(\d+) FWM (\d+)(?: inet6)? (UP|DOWN)$/;

export function parseNotifyLine(line: string): CheckEvent | undefined {
  const [, address, port, mark, state] = serverLine.exec(line) ?? [];
  if (address === undefined) return undefined;
  return { mark: Number(mark), address, port: Number(port), up: state === 'UP' };
}

/** Cuts a stream into lines; what is left of one waits for the rest. */
export function createLineSplitter(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}

export interface NotifyFifo {
  /** Reads what lies in the FIFO now, without waiting. */
  drain(): void;
  /** Whether the path still names the FIFO that is held open. */
  isInPlace(): Promise<boolean>;
  close(): void;
}

/**
 * Makes the FIFO where it is missing and reads it. Opened for reading and writing, so that neither side waits
 * for the other or sees an end; keepalived opens it O_NONBLOCK and drops what does not fit (64 KiB, some 1500
 * lines), so a stalled reader never stalls keepalived. Throws a Problem that names the path.
 */
export async function openNotifyFifo(
  path: string,
  onEvent: (event: CheckEvent) => void,
): Promise<NotifyFifo> {
  const fd = await makeFifo(path).catch((error: unknown) => {
    throw problems.NOTIFY_FIFO(path, reasonOf(error));
  });
  const split = createLineSplitter((line) => {
    const event = parseNotifyLine(line);
    if (event) onEvent(event);
  });
  const socket = new Socket({ fd, readable: true, writable: false });
  socket
    .setEncoding('latin1')
    .on('data', split)
    .on('error', () => undefined);
  // Two descriptors of one FIFO: the socket's belongs to it alone.
  const own = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(65536);
  return {
    drain() {
      try {
        for (let size = 1; size > 0; ) {
          size = readSync(own, buffer);
          split(buffer.toString('latin1', 0, size));
        }
      } catch (error) {
        if (systemCode(error) !== 'EAGAIN') throw error;
      }
    },
    async isInPlace() {
      const held = await stat(`/proc/self/fd/${own}`).catch(() => undefined);
      const named = await stat(path).catch(() => undefined);
      return held !== undefined && held.ino === named?.ino && held.dev === named.dev;
    },
    close() {
      socket.destroy();
      closeSync(own);
    },
  };
}

async function makeFifo(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (found && !found.isFIFO()) await rm(path, { recursive: true });
  // Node has no mkfifo(3); coreutils has.
  if (!found?.isFIFO()) await promisify(execFile)('mkfifo', ['-m', '600', path]);
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}

/** The servers that checks took out: the last word on each. */
export function createCheckBook() {
  const out = new Set<string>();
  let inherited = new Set<string>();
  return {
    out: out as ReadonlySet<string>,
    /** Returns whether that was news. */
    note(event: CheckEvent): boolean {
      const key = checkKey(event);
      inherited.delete(key);
      if (event.up) return out.delete(key);
      return out.size !== out.add(key).size;
    },
    /** The checker is gone: what it took out stays out until the next one has filled the kernel, however long that takes. */
    inherit() {
      inherited = new Set(out);
    },
    /** That next one took every server for alive; what it has said itself since then counts. */
    forgetInherited() {
      for (const key of inherited) out.delete(key);
      inherited = new Set();
    },
    /** keepalived says DOWN of a server that merely left its configuration: forgets all but these. */
    keepOnly(configured: ReadonlySet<string>) {
      for (const key of out) if (!configured.has(key)) out.delete(key);
    },
  };
}
