/**
 * Follows one collection of the API: list, then watch, and list again whenever a watch may have missed something.
 * Whoever asks gets whole snapshots; a failure leaves the last one as it is.
 *
 * A watch that ended before its time is not resumed: after a restore of etcd resourceVersions go back, and a watch
 * from one that lies in the future is silent until the cluster has caught up with it. A list asks etcd itself
 * (resourceVersion unset), so it cannot be older than what was seen before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../problem.ts';
import { bodyOf, problemOfFailure, Refusal } from './answers.ts';
import { restAfter } from './backoff.ts';
import type { KubernetesClient } from './client.ts';
import { type KubernetesObject, type ObjectTable, readEvent, readList } from './objects.ts';

export interface FollowOptions<T extends KubernetesObject> {
  readonly client: KubernetesClient;
  readonly path: string;
  /** fieldSelector, labelSelector */
  readonly query?: Readonly<Record<string, string>>;
  /** All objects, whole; at first and after a change. takenAtMs: nowMs() of a moment when they were current. */
  readonly onObjects: (objects: readonly T[], takenAtMs: number) => void;
  /** Each different Problem once; undefined: well again. */
  readonly onFailure: (problem: Problem | undefined) => void;
  readonly nowMs: () => number;
  readonly timing?: Partial<Timing>;
}

export interface Followed {
  /** When the server last confirmed what was given: by a list, an event or a bookmark. */
  readonly confirmedAtMs: number | undefined;
  /** When the last list that succeeded was asked for. */
  readonly listedAtMs: number | undefined;
  /** Lists now, whatever the watch says. */
  refresh(): void;
  stop(): Promise<void>;
}

export interface Timing {
  readonly listTimeoutMs: number;
  /** a watch is asked to last this long, and up to a quarter longer */
  readonly watchSeconds: number;
  /** lists again after this long, and up to twice that */
  readonly relistMs: number;
  /** API servers send a bookmark about once a minute */
  readonly silenceMs: number;
  /** a watch that stood this long ends a row of failures */
  readonly stoodMs: number;
}

const usual: Timing = {
  listTimeoutMs: 10_000,
  watchSeconds: 240,
  relistMs: 300_000,
  silenceMs: 90_000,
  stoodMs: 5_000,
};
/** A watch that breaks is no news while the list after it succeeds, unless it happens again and again. */
const toldAfterBreaks = 4;
const expired = 'the watch starts from what the server has forgotten (410)';

export function followCollection<T extends KubernetesObject>(options: FollowOptions<T>): Followed {
  const { client, path, query, nowMs } = options;
  const timing = { ...usual, ...options.timing };
  const stopping = new AbortController();
  let table: ObjectTable<T> | undefined;
  let confirmedAtMs: number | undefined;
  let listedAtMs: number | undefined;
  let refreshing = new AbortController();
  let failures = 0;
  /** when the watch was answered; undefined: it was not */
  let beganAtMs: number | undefined;
  let told: string | undefined;

  function tell(problem: Problem | undefined): void {
    if (problem?.message === told) return;
    told = problem?.message;
    options.onFailure(problem);
  }

  async function list(): Promise<void> {
    refreshing = new AbortController();
    const askedAtMs = nowMs();
    const answer = await client.request({
      path,
      ...(query === undefined ? {} : { query }),
      timeoutMs: timing.listTimeoutMs,
      signal: stopping.signal,
    });
    const listed = readList<T>(bodyOf(answer, client, 'list', path), path);
    if (stopping.signal.aborted) return;
    const changed = table === undefined || !table.holdsSame(listed);
    table = listed;
    confirmedAtMs = askedAtMs;
    listedAtMs = askedAtMs;
    if (changed) options.onObjects(table.objects(), askedAtMs);
  }

  /** Resolves when it is time to list again. */
  async function watch(listed: ObjectTable<T>): Promise<void> {
    const relistAtMs = nowMs() + timing.relistMs * (1 + Math.random());
    while (nowMs() < relistAtMs) {
      const seconds = Math.ceil(timing.watchSeconds * (1 + Math.random() / 4));
      const openedAtMs = nowMs();
      await watchOnce(listed, seconds);
      // the server's own end comes when it was asked for; any other may have a reason that it could not tell
      if (nowMs() - openedAtMs < (seconds - 5) * 1_000) throw new Error('the watch ended before its time');
    }
  }

  async function watchOnce(listed: ObjectTable<T>, seconds: number): Promise<void> {
    beganAtMs = undefined;
    const watching = { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: `${seconds}` };
    const stream = await client.stream({
      path,
      query: { ...query, ...watching, resourceVersion: listed.resourceVersion },
      timeoutMs: timing.listTimeoutMs,
      silenceMs: timing.silenceMs,
      signal: AbortSignal.any([stopping.signal, refreshing.signal]),
    });
    if (stream.status === 410) throw new Error(expired);
    bodyOf(stream, client, 'watch', path);
    tell(undefined);
    beganAtMs = nowMs();
    for await (const batch of stream.batches) {
      if (stopping.signal.aborted) return;
      confirmedAtMs = nowMs();
      let changed = false;
      for (const value of batch) {
        const event = readEvent<T>(value, client, path);
        if (event === 'expired') throw new Error(expired);
        changed = listed.apply(event) || changed;
      }
      if (changed) options.onObjects(listed.objects(), confirmedAtMs);
    }
    failures = 0;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      let phase: 'list' | 'watch' = 'list';
      try {
        await list();
        phase = 'watch';
        if (table !== undefined) await watch(table);
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (refreshing.signal.aborted) continue;
        await failed(error, phase);
      }
    }
  }

  async function failed(error: unknown, phase: 'list' | 'watch'): Promise<void> {
    // whether or not anything came: a quiet cluster is no failure
    const stood = phase === 'watch' && beganAtMs !== undefined && nowMs() - beganAtMs > timing.stoodMs;
    if (stood) failures = 0;
    failures += 1;
    const refusal = error instanceof Refusal ? error.answer : undefined;
    if (phase === 'list' || refusal !== undefined || failures >= toldAfterBreaks)
      tell(problemOfFailure(error, client.server));
    const retryAfter = refusal?.headers['retry-after'];
    const restMs = restAfter({ failures, status: refusal?.status, retryAfter, random: Math.random() });
    await sleep(restMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }

  const running = run();
  return {
    get confirmedAtMs() {
      return confirmedAtMs;
    },
    get listedAtMs() {
      return listedAtMs;
    },
    refresh: () => refreshing.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
