import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { problems } from './errors.ts';
import { reasonOf } from './problem.ts';

export interface HealthOptions {
  /** the only address that is listened on: never a VIP, never all of them */
  address: string;
  port: number;
  /** undefined = well; a text = why not (answered with 503) */
  live(): string | undefined;
  ready(): string | undefined;
  metrics(): Promise<string>;
}

export interface HealthServer {
  port: number;
  close(): Promise<void>;
}

interface Answer {
  status: number;
  body: string;
  type?: string;
}

const metricsType = 'text/plain; version=0.0.4; charset=utf-8';
const requestTimeoutMs = 5_000;

export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs },
    (request, response) => {
      request.resume();
      response.on('error', () => response.destroy());
      const path = (request.url ?? '/').split('?')[0] ?? '/';
      answer(options, request.method ?? '', path).then(
        (given) => send(response, given),
        (error: unknown) => send(response, { status: 500, body: reasonOf(error) }),
      );
    },
  );
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(problems.HEALTH_PORT(options.address, options.port, reasonOf(error))),
    );
    server.listen(options.port, options.address, resolve);
  });
  server.removeAllListeners('error').on('error', () => undefined);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(options: HealthOptions, method: string, path: string): Promise<Answer> {
  const give = {
    '/livez': async () => health(options.live()),
    '/readyz': async () => health(options.ready()),
    '/metrics': async () => ({ status: 200, body: await options.metrics(), type: metricsType }),
  }[path];
  if (give === undefined) return { status: 404, body: 'here are /livez, /readyz and /metrics' };
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'GET only' };
  return give();
}

function health(whyNot: string | undefined): Answer {
  return whyNot === undefined ? { status: 200, body: 'ok' } : { status: 503, body: whyNot };
}

function send(response: ServerResponse, { status, body, type }: Answer): void {
  if (response.destroyed) return;
  const allow = status === 405 ? { allow: 'GET, HEAD' } : {};
  response.writeHead(status, { 'content-type': type ?? 'text/plain; charset=utf-8', ...allow });
  response.end(body.endsWith('\n') ? body : `${body}\n`);
}
