import { Agent, get as httpGet } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { RequestResult } from './client-api.ts';

export interface Download {
  bytes: number;
  finished: Promise<{ bytes: number; complete: boolean; error?: string }>;
}

/** When its time is over an answer that is there already is read first: the machine may have stood still. */
const readingMs = 100;

// No Agent keeps it.
export const newConnection = () => new Agent({ keepAlive: false });

/** Kept from the kernel's own choice (client.ts): a port that it gave to others cannot be bound for a minute after. */
export const sourcePorts = { first: 20_000, last: 39_999 };
const portCount = sourcePorts.last - sourcePorts.first + 1;
/**
 * Begins where the clock is, at a port each 10 ms, so that the next agent does not begin with the ports of this one:
 * no test makes more than a hundred connections a second for long.
 */
let nextPort = sourcePorts.first + (Math.floor(now() / 10) % portCount);

/**
 * A source port that no connection of this client had for long. The kernel's own choice may be the same for two
 * addresses of a prefix at once, and IPVS with NAT tells two such flows to one server apart by nothing: the answers of
 * the older one leave with the other's VIP (net/netfilter/ipvs/ip_vs_conn.c, ip_vs_conn_out_get).
 */
function nextSourcePort(): number {
  const port = nextPort;
  nextPort = port < sourcePorts.last ? port + 1 : sourcePorts.first;
  return port;
}

/** CLOCK_MONOTONIC: the same in this process and in the lab's, whatever happens to the wall clock. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function request(
  url: string,
  { timeoutMs, agent, address }: { timeoutMs: number; agent: Agent; address?: string | undefined },
): Promise<RequestResult> {
  const startedAtMs = now();
  return new Promise((resolve) => {
    const finish = (part: Partial<RequestResult>) => {
      clearTimeout(timer);
      resolve({
        url,
        startedAtMs,
        durationMs: now() - startedAtMs,
        status: 0,
        body: '',
        server: '',
        from: '',
        port: 0,
        ...part,
      });
    };
    let timer = setTimeout(() => {
      timer = setTimeout(() => {
        finish({ error: 'timeout' });
        sent.destroy();
      }, readingMs);
    }, timeoutMs);
    const options = { agent, localPort: nextSourcePort(), ...(address && { lookup: always(address) }) };
    const sent = httpGet(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        const [, server = '', from = '', port = '0'] = /^(\S+) (\S+) (\d+)\n$/.exec(body) ?? [];
        finish({ status: response.statusCode ?? 0, body, server, from, port: Number(port) });
      });
      response.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? error.message }));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => finish({ error: error.code ?? error.message }));
  });
}

/** Instead of DNS. */
function always(address: string): LookupFunction {
  return (_name, { all }, give) => (all ? give(null, [{ address, family: 4 }]) : give(null, address, 4));
}

/** Reads to the end and compares with what the server said it would send. */
export function download(url: string): Download {
  const running: Download = { bytes: 0, finished: Promise.resolve({ bytes: 0, complete: false }) };
  running.finished = new Promise((resolve) => {
    const finish = (error?: string) =>
      resolve({
        bytes: running.bytes,
        complete: error === undefined,
        ...(error === undefined ? {} : { error }),
      });
    const sent = httpGet(url, { agent: newConnection(), localPort: nextSourcePort() }, (response) => {
      const wanted = Number(response.headers['content-length'] ?? -1);
      response.on('data', (chunk: Buffer) => {
        running.bytes += chunk.length;
      });
      response.on('end', () => {
        const problem =
          response.statusCode !== 200
            ? `status ${response.statusCode}`
            : `${running.bytes} of ${wanted} bytes`;
        finish(response.statusCode === 200 && running.bytes === wanted ? undefined : problem);
      });
      response.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  });
  return running;
}
