/**
 * Events (events.k8s.io/v1) beside an object, for `kubectl describe`. The log says the same: so an Event that cannot
 * be had is told once and never waited for, and a burst of them is cut off.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../problem.ts';
import { bodyOf, problemOfFailure, Refusal } from './answers.ts';
import { restAfter } from './backoff.ts';
import type { KubernetesClient } from './client.ts';

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string | undefined;
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** one word, such as Announced */
  readonly reason: string;
  readonly note: string;
}

export interface EventRecorder {
  /** Never throws, never blocks. The same text again within ten minutes becomes a count of the first. */
  record(regarding: ObjectRef, event: EventText): void;
  /** Resolves when all is written, or after so long: then the rest is given up. */
  close(withinMs: number): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubernetesClient;
  /** `portable-lb/controller` */
  readonly component: string;
  /** the pod's name */
  readonly instance: string;
  /** Each different Problem once; undefined: an Event was written again. */
  readonly onFailure?: (problem: Problem | undefined) => void;
  readonly nowMs?: () => number;
}

interface Recorded {
  readonly regarding: ObjectRef;
  readonly event: EventText;
  readonly atMs: number;
}

interface Series {
  readonly path: string;
  count: number;
  lastAtMs: number;
}

const seriesMs = 600_000;
/** of one object: so many at once, then one a minute */
const burst = 10;
const refillMs = 60_000;
const mostWaiting = 50;
const mostRemembered = 200;
/** An Event of long ago helps nobody: it is given up after so many attempts, about a minute. */
const mostAttempts = 60;
/** the API's limits (pkg/apis/core/validation/events.go) */
const longestNote = 1_024;
const longestInstance = 128;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, component, onFailure = () => undefined, nowMs = Date.now } = options;
  const instance = options.instance.slice(0, longestInstance);
  const waiting: Recorded[] = [];
  const series = new Map<string, Series>();
  const budgets = new Map<string, { left: number; atMs: number }>();
  let writing: Promise<void> | undefined;
  let told: string | undefined;
  const closing = new AbortController();

  function tell(problem: Problem | undefined): void {
    if (problem?.message === told) return;
    told = problem?.message;
    onFailure(problem);
  }

  function allows(regarding: ObjectRef): boolean {
    const key = describe(regarding);
    const { left, atMs } = budgets.get(key) ?? { left: burst, atMs: nowMs() };
    const refilled = Math.min(burst, left + (nowMs() - atMs) / refillMs);
    remember(budgets, key, { left: Math.max(refilled - 1, 0), atMs: nowMs() });
    return refilled >= 1;
  }

  async function writeAll(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await writeOne(next);
    writing = undefined;
  }

  async function writeOne(recorded: Recorded): Promise<void> {
    for (let failures = 1; failures <= mostAttempts && !closing.signal.aborted; failures++) {
      try {
        await write(recorded);
        tell(undefined);
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        tell(problemOfFailure(error, client.server));
        const answer = error instanceof Refusal ? error.answer : undefined;
        const final = answer !== undefined && answer.status < 500 && answer.status !== 429;
        if (final) return;
        const retryAfter = answer?.headers['retry-after'];
        const restMs = restAfter({ failures, status: answer?.status, retryAfter, random: Math.random() });
        await sleep(restMs, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  async function write({ regarding, event, atMs }: Recorded): Promise<void> {
    const key = `${describe(regarding)} ${event.type} ${event.reason} ${event.note}`;
    const { signal } = closing;
    const before = series.get(key);
    if (before !== undefined && atMs - before.lastAtMs < seriesMs) {
      const body = { series: { count: before.count + 1, lastObservedTime: microTime(atMs) } };
      const answer = await client.request({ method: 'PATCH', path: before.path, body, signal });
      if (answer.status !== 404) {
        bodyOf(answer, client, 'patch', before.path);
        before.count += 1;
        before.lastAtMs = atMs;
        return;
      }
    }
    const { namespace } = regarding;
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const name = `${regarding.name.slice(0, 200)}.${randomBytes(8).toString('hex')}`;
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace },
      eventTime: microTime(atMs),
      reportingController: component,
      reportingInstance: instance,
      action: event.reason,
      reason: event.reason,
      type: event.type,
      note: cut(event.note),
      regarding,
    };
    bodyOf(await client.request({ method: 'POST', path, body, signal }), client, 'create', path);
    remember(series, key, { path: `${path}/${name}`, count: 1, lastAtMs: atMs });
  }

  return {
    record(regarding, event) {
      if (!allows(regarding)) return;
      if (waiting.length >= mostWaiting) waiting.shift();
      waiting.push({ regarding, event, atMs: nowMs() });
      writing ??= writeAll();
    },
    async close(withinMs) {
      const late = setTimeout(() => closing.abort(), withinMs);
      await writing;
      clearTimeout(late);
    },
  };
}

function describe({ kind, namespace, name, uid }: ObjectRef): string {
  return `${kind} ${namespace}/${name} ${uid ?? ''}`;
}

/** Forgets what was remembered first. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const first of map.keys()) {
    if (map.size <= mostRemembered) return;
    map.delete(first);
  }
}

/** metav1.MicroTime wants six digits. */
function microTime(atMs: number): string {
  return new Date(atMs).toISOString().replace(/Z$/, '000Z');
}

function cut(note: string): string {
  return note.length <= longestNote ? note : `${note.slice(0, longestNote - 1)}…`;
}
