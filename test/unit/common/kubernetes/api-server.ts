/** An API server as far as list-and-watch sees one, on a real socket, that can be made to fail in every way. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesObject } from '../../../../common/kubernetes/objects.ts';

export type Fault =
  | { status: number; headers?: Record<string, string>; body?: unknown }
  | 'hang'
  | 'reset'
  | 'half an answer';

export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: unknown;
  atMs: number;
}

type Stored = Omit<KubernetesObject, 'metadata'> &
  Record<string, unknown> & { metadata?: KubernetesObject['metadata'] & Record<string, unknown> };
interface Watcher {
  collection: string;
  query: URLSearchParams;
  response: ServerResponse;
}

export class ApiServer {
  /** newest resourceVersion */
  version = 100;
  readonly seen: Seen[] = [];
  /** Asked for each request; undefined: it is answered as it should be. */
  fault: (request: Seen) => Fault | undefined = () => undefined;
  /** 410 for a watch from before this one */
  oldest = 0;
  readonly #objects = new Map<string, Map<string, Stored>>();
  readonly #history: { version: number; collection: string; type: string; object: Stored }[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  readonly #tls: { key: string; cert: string } | undefined;

  constructor(tls?: { key: string; cert: string }) {
    this.#tls = tls;
  }

  get url(): URL {
    return new URL(`${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`);
  }

  async start(): Promise<this> {
    const handle = (request: IncomingMessage, response: ServerResponse) =>
      void this.#handle(request, response);
    const server = this.#tls ? createSecureServer(this.#tls, handle) : createServer(handle);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** As a crash: connections are reset. The objects stay (etcd). */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#watchers.clear();
    await closed;
    this.#server = undefined;
  }

  list(collection: string): Stored[] {
    return [...(this.#objects.get(collection)?.values() ?? [])];
  }

  put(collection: string, object: Stored): Stored {
    const held = this.#collection(collection);
    const name = object.metadata?.name ?? '';
    const before = held.get(name);
    const uid = object.metadata?.uid ?? before?.metadata?.uid ?? `uid-${name}-${++this.version}`;
    const metadata = { namespace: 'default', ...object.metadata, uid, resourceVersion: `${++this.version}` };
    const stored = { ...object, metadata: { ...metadata, managedFields: [{ manager: 'test' }] } };
    held.set(name, stored);
    this.#emit(collection, before === undefined ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  }

  remove(collection: string, name: string): void {
    const held = this.#collection(collection);
    const object = held.get(name);
    held.delete(name);
    const metadata = { ...object?.metadata, resourceVersion: `${++this.version}` };
    if (object) this.#emit(collection, 'DELETED', { ...object, metadata });
  }

  /** Without an event: as etcd restored from a snapshot, or events that a watch lost. */
  forget(collection: string, name: string): void {
    this.#collection(collection).delete(name);
  }

  /** The next change has a version after this one, and nothing is known of changes before. */
  goBackTo(version: number): void {
    this.version = version;
    this.#history.length = 0;
  }

  bookmark(): void {
    for (const { response } of this.#watchers)
      write(response, {
        type: 'BOOKMARK',
        object: { kind: 'Bookmark', metadata: { resourceVersion: `${this.version}` } },
      });
  }

  send(value: unknown): void {
    for (const { response } of this.#watchers) write(response, value);
  }

  endWatches(how: 'cleanly' | 'by reset' | 'within a line'): void {
    for (const watcher of this.#watchers) {
      this.#watchers.delete(watcher);
      if (how === 'by reset') watcher.response.socket?.resetAndDestroy();
      else if (how === 'within a line') {
        watcher.response.write('{"type":"ADDED","obj');
        watcher.response.end();
      } else watcher.response.end();
    }
  }

  get watches(): number {
    return this.#watchers.size;
  }

  #collection(name: string): Map<string, Stored> {
    const held = this.#objects.get(name) ?? new Map<string, Stored>();
    this.#objects.set(name, held);
    return held;
  }

  #emit(collection: string, type: string, object: Stored): void {
    this.#history.push({ version: this.version, collection, type, object });
    for (const watcher of this.#watchers)
      if (watcher.collection === collection && selects(watcher.query, object))
        write(watcher.response, { type, object });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://server');
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += piece;
    const seen: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
      atMs: performance.now(),
    };
    this.seen.push(seen);
    response.on('error', () => undefined);
    const fault = this.fault(seen);
    if (fault === 'hang') return;
    if (fault === 'reset') return void request.socket.resetAndDestroy();
    if (fault === 'half an answer') {
      response.writeHead(200, { 'content-length': '1000' }).write('{"kind":');
      await sleep(5);
      return void request.socket.destroy();
    }
    if (fault !== undefined) return answer(response, fault.status, fault.body ?? '', fault.headers);
    this.#answer(seen, response);
  }

  #answer(seen: Seen, response: ServerResponse): unknown {
    const { method, path, query } = seen;
    const item = /^(.*)\/([^/]+)$/.exec(path.replace(/\/status$/, ''));
    if (method === 'POST') return answer(response, 201, this.put(path, seen.body as Stored));
    const held = this.#objects.get(item?.[1] ?? '')?.get(item?.[2] ?? '');
    if (method === 'PATCH' || (method === 'GET' && held !== undefined)) {
      if (held === undefined) return answer(response, 404, { message: `"${item?.[2]}" not found` });
      if (method === 'GET') return answer(response, 200, held);
      return this.#patch(item?.[1] ?? '', held, seen.body as Stored, response);
    }
    if (this.#objects.get(path) === undefined && /\/(services|events)\/[^/]+$/.test(path))
      return answer(response, 404, { message: 'not found' });
    if (query.get('watch') === '1') return this.#watch(path, query, response);
    const items = this.list(path).filter((object) => selects(query, object));
    const plain = items.map(({ kind: _kind, apiVersion: _apiVersion, ...rest }) => rest);
    const kind = kindOf(path);
    const metadata = { resourceVersion: `${this.version}` };
    answer(response, 200, { kind: `${kind}List`, apiVersion: 'v1', metadata, items: plain });
  }

  #patch(collection: string, held: Stored, patch: Stored, response: ServerResponse): unknown {
    const wanted = patch.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== held.metadata?.resourceVersion)
      return answer(response, 409, { message: 'the object has been modified' });
    answer(
      response,
      200,
      this.put(collection, { ...held, ...patch, metadata: { ...held.metadata, ...patch.metadata } }),
    );
  }

  #watch(collection: string, query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    response.flushHeaders();
    if (from < this.oldest) {
      write(response, {
        type: 'ERROR',
        object: { kind: 'Status', code: 410, message: 'too old resource version' },
      });
      return void response.end();
    }
    const watcher = { collection, query, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    for (const event of this.#history)
      if (event.collection === collection && event.version > from && selects(query, event.object))
        write(response, { type: event.type, object: event.object });
  }
}

function kindOf(path: string): string {
  const kinds: Record<string, string> = {
    services: 'Service',
    endpointslices: 'EndpointSlice',
    ingresses: 'Ingress',
  };
  return kinds[path.split('/').at(-1) ?? ''] ?? 'Thing';
}

/** metadata.name=, spec.type=, and one label */
function selects(query: URLSearchParams, object: Stored): boolean {
  const [field, value] = (query.get('fieldSelector') ?? '').split('=');
  const spec = object.spec as { type?: string } | undefined;
  if (field === 'metadata.name' && object.metadata?.name !== value) return false;
  if (field === 'spec.type' && (spec?.type ?? 'ClusterIP') !== value) return false;
  const [label = '', wanted] = (query.get('labelSelector') ?? '').split('=');
  const labels = object.metadata?.labels as Record<string, string> | undefined;
  return wanted === undefined || labels?.[label] === wanted;
}

function write(response: ServerResponse, value: unknown): void {
  response.write(`${JSON.stringify(value)}\n`);
}

function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Waits for a condition; says what was seen when it does not come. */
export async function until(
  condition: () => boolean,
  seen: () => unknown = () => '',
  withinMs = 5_000,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadlineMs)
      throw new Error(`not within ${withinMs} ms; seen: ${JSON.stringify(seen())}`);
    await sleep(2);
  }
}
