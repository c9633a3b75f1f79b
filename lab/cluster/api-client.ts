import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';

export interface Answer {
  status: number;
  text: string;
}

export interface ApiClient {
  request(method: string, path: string, body?: object, contentType?: string): Promise<Answer>;
  /** The answer as an object; throws with the server's own words unless it is 2xx. */
  call<T>(method: string, path: string, body?: object, contentType?: string): Promise<T>;
}

/** A log comes by way of its node's kubelet, which may have much to do. */
const timeoutMs = 30_000;

/** A client of the API server as cluster administrator, for what a kubectl (0.2 s each) is too slow for. */
export function createApiClient(server: string, keys: string): ApiClient {
  const read = (name: string) => readFileSync(join(keys, name));
  const agent = new Agent({
    keepAlive: true,
    ca: read('ca.crt'),
    cert: read('admin.crt'),
    key: read('admin.key'),
  });
  const client: ApiClient = {
    request(method, path, body, contentType = 'application/json') {
      return new Promise((resolve, reject) => {
        const headers = {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': contentType }),
        };
        const sent = request(
          `${server}${path}`,
          { method, agent, headers, timeout: timeoutMs },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part: string) => (text += part));
            response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
            response.on('error', reject);
          },
        );
        sent.on('timeout', () =>
          sent.destroy(new Error(`no answer from ${server} within ${timeoutMs / 1000} s`)),
        );
        sent.on('error', reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
      });
    },
    async call(method, path, body, contentType) {
      return objectOf(`${method} ${path}`, await client.request(method, path, body, contentType));
    },
  };
  return client;
}

/** An object that is not there, not a path that the server does not know. */
export function isMissing({ status, text }: Answer): boolean {
  return status === 404 && text.startsWith('{') && JSON.parse(text).details?.name !== undefined;
}

/** The answer as an object; throws with the server's own words unless it is 2xx. */
export function objectOf<T>(asked: string, { status, text }: Answer): T {
  if (status < 200 || status > 299) throw new Error(`${asked}: ${status} ${text.slice(0, 1000)}`);
  return JSON.parse(text);
}
