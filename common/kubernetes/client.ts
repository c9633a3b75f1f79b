/**
 * The Kubernetes API by plain HTTP: what list-and-watch, one status and a few Events need, in a third of the memory
 * of the generated client (docs/decisions/0010).
 */
import type { IncomingMessage } from 'node:http';
import { reasonOf } from '../problem.ts';
import { type Environment, openAccess } from './access.ts';
import { exchange } from './exchange.ts';
import type { Access } from './kubeconfig.ts';

export interface KubernetesRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/api/v1/namespaces/default/services` */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** of the body: application/json, or application/merge-patch+json with PATCH */
  readonly contentType?: string;
  /** for the whole of it; a stream: until it begins */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface KubernetesAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** what its JSON says; text where it is none */
  readonly body: unknown;
}

export interface KubernetesStream extends KubernetesAnswer {
  /** the values of each piece that arrives, one JSON a line; empty unless the status is 200. Throws when it breaks off. */
  readonly batches: AsyncIterable<unknown[]>;
}

/** Resolves with whatever the server answers, refusals too; rejects when there is no answer. */
export interface KubernetesClient {
  /** https://10.96.0.1:443, for messages */
  readonly server: string;
  request(request: KubernetesRequest): Promise<KubernetesAnswer>;
  /** silenceMs: breaks off when nothing arrives for so long. */
  stream(request: KubernetesRequest & { silenceMs: number }): Promise<KubernetesStream>;
}

const defaultTimeoutMs = 10_000;

/** Throws a Problem where there is neither a service account nor a kubeconfig. */
export async function openKubernetes(env: Environment): Promise<KubernetesClient> {
  return createClient(await openAccess(env));
}

export function createClient(access: Access, userAgent = 'portable-lb'): KubernetesClient {
  const send = async (request: KubernetesRequest) => {
    const { method = 'GET', path, query, body, contentType, timeoutMs = defaultTimeoutMs, signal } = request;
    const search = new URLSearchParams(query).toString();
    const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    return exchange({
      server: access.server,
      options: await access.options(),
      method,
      path: search === '' ? path : `${path}?${search}`,
      headers: {
        accept: 'application/json',
        'user-agent': userAgent,
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      headMs: timeoutMs,
      signal,
    });
  };
  return {
    server: access.server.href.replace(/\/$/, ''),
    async request(request) {
      const startedAtMs = performance.now();
      const response = await send(request);
      const leftMs = (request.timeoutMs ?? defaultTimeoutMs) - (performance.now() - startedAtMs);
      return answerOf(response, leftMs);
    },
    async stream(request) {
      const response = await send(request);
      if (response.statusCode === 200)
        return { ...headOf(response), body: undefined, batches: batchesOf(response, request.silenceMs) };
      return { ...(await answerOf(response, request.timeoutMs ?? defaultTimeoutMs)), batches: nothing() };
    },
  };
}

function headOf({ statusCode = 0, headers }: IncomingMessage) {
  const texts = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  return { status: statusCode, headers: Object.fromEntries(texts) };
}

async function answerOf(response: IncomingMessage, leftMs: number): Promise<KubernetesAnswer> {
  const ms = Math.max(leftMs, 1);
  const late = setTimeout(() => response.destroy(new Error('the answer did not end in time')), ms);
  try {
    let text = '';
    for await (const piece of response.setEncoding('utf8')) text += piece;
    return { ...headOf(response), body: parse(text) };
  } finally {
    clearTimeout(late);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function* batchesOf(response: IncomingMessage, silenceMs: number): AsyncGenerator<unknown[]> {
  const silent = () => response.destroy(new Error(`nothing came for ${silenceMs / 1_000} s`));
  const timer = setTimeout(silent, silenceMs);
  let rest = '';
  try {
    for await (const piece of response.setEncoding('utf8')) {
      timer.refresh();
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      const whole = lines.filter((line) => line.trim() !== '');
      if (whole.length > 0) yield whole.map(parseLine);
    }
    if (rest.trim() !== '') throw new Error('it ended in the middle of a line');
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`a line is not JSON: ${reasonOf(error)}`);
  }
}

async function* nothing(): AsyncGenerator<unknown[]> {}
