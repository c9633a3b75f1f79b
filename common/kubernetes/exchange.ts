/** One HTTP request and the start of its answer, on a connection of its own, with a deadline for each part. */
import http, { type IncomingMessage } from 'node:http';
import https, { type RequestOptions } from 'node:https';

export interface Exchange {
  readonly server: URL;
  readonly options: RequestOptions;
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  /** until the head of the answer is there */
  readonly headMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * A SYN that was lost is sent again by the kernel after 1 s; who is away for longer is asked anew, so that its return
 * is seen within 2 s although the kernel's own pauses double.
 */
const connectMs = 1_500;
/** Then one probe a second, ten of them (libuv's uv_tcp_keepalive): a peer that vanished, or came back and knows nothing. */
const keepAliveAfterMs = 2_000;

/** No connection is kept: requests are few, and each gets the newest token, authority and server behind the address. */
const agents = {
  http: new http.Agent({ keepAlive: false }),
  https: new https.Agent({ keepAlive: false, maxCachedSessions: 0 }),
};

export function exchange({
  server,
  options,
  headers,
  body,
  headMs,
  ...rest
}: Exchange): Promise<IncomingMessage> {
  const secure = server.protocol === 'https:';
  const prefix = server.pathname.replace(/\/$/, '');
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request({
      agent: secure ? agents.https : agents.http,
      ...options,
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port || (secure ? 443 : 80),
      method: rest.method,
      path: prefix + rest.path,
      headers: { ...options.headers, ...headers },
      ...(rest.signal === undefined ? {} : { signal: rest.signal }),
    });
    const expire = (what: string, ms: number) =>
      setTimeout(() => request.destroy(new Error(`${what} within ${ms / 1_000} s`)), ms);
    const head = expire('no answer', headMs);
    request.once('socket', (socket) => {
      socket.setKeepAlive(true, keepAliveAfterMs);
      if (!socket.connecting) return;
      const connect = expire('no connection', connectMs);
      socket.once('connect', () => clearTimeout(connect)).once('close', () => clearTimeout(connect));
    });
    request.once('response', (response) => {
      clearTimeout(head);
      resolve(response);
    });
    request.once('error', (error) => {
      clearTimeout(head);
      reject(error);
    });
    // an error after the head is the answer's own
    request.on('error', () => undefined);
    request.end(body);
  });
}
