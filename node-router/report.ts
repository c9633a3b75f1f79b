/** What a person reads in the log: one line a route that changed, and everything else once for as long as it lasts. */
import type { Logger } from '../common/log.ts';
import type { Problem } from '../common/problem.ts';
import { type Action, describePod, type Note, type WantedRoute } from './core/types.ts';
import { problems } from './errors.ts';

const via = (nexthops: readonly string[]) =>
  nexthops.length > 0 ? `via ${nexthops.join(', ')}` : 'blackhole';

const stateWords: Record<WantedRoute['state'], string> = {
  ready: '',
  terminating: ', terminating LB pods only',
  starting: ', LB pods that are not ready yet',
};

export function reportSet(
  log: Logger,
  { prefix, before, cause }: Action & { kind: 'set' },
  wanted: WantedRoute | undefined,
  nexthops: readonly string[],
  delayMs: number | undefined,
): void {
  const service = wanted?.owner ?? '';
  const fields = { prefix, service, via: nexthops, before: before ?? [], state: wanted?.state, delayMs };
  const was = before === undefined ? 'was not there' : `was ${via(before)}`;
  if (cause === 'drift') {
    log.warn(
      'route-mended',
      fields,
      `${prefix} put back ${via(nexthops)} (${was}): something else changed it`,
    );
    return;
  }
  const took = delayMs === undefined ? '' : `, ${Math.round(delayMs)} ms after the change was seen`;
  const state = stateWords[wanted?.state ?? 'ready'];
  log.info('route', fields, `${prefix} (${service}) ${via(nexthops)}, ${was}${state}${took}`);
}

export function reportMended(log: Logger, action: Action): void {
  const prefix = action.kind === 'delete' ? action.route.prefix : action.prefix;
  const what =
    action.kind === 'delete' ? `removed metric ${action.route.metric}` : 'put back the blackhole behind it';
  log.warn('route-mended', { prefix }, `${prefix} ${what}: something else changed it`);
}

export function reportDeparting(log: Logger, prefix: string, blackholeSeconds: number): void {
  log.info(
    'blackhole',
    { prefix, blackholeSeconds },
    `${prefix} has no LB pod on this node any more: dropped here for ${blackholeSeconds} s, then no route`,
  );
}

export function reportGone(log: Logger, prefix: string): void {
  log.info('route-removed', { prefix }, `${prefix} blackhole over, no route on this node now`);
}

/** The words for a request that failed. */
export function describeFailure(action: Action, code: string | undefined, why: string): Problem {
  const what = describeAction(action);
  if (code === 'EPERM' || code === 'EACCES') return problems.PRIVILEGE(what);
  return code === undefined ? problems.KERNEL_SILENT(what, why) : problems.KERNEL_REFUSED(what, code);
}

function describeAction(action: Action): string {
  if (action.kind === 'guard') return `blackhole behind ${action.prefix}`;
  if (action.kind === 'delete') return `removing the route of ${action.route.prefix}`;
  return `route ${action.prefix} ${via(action.nexthops)}`;
}

/** An Event lives for an hour (kube-apiserver's --event-ttl): what still holds is recorded anew before that. */
const recordAgainMs = 30 * 60_000;

export interface TellerParts {
  readonly log: Logger;
  /** makes Events of the notes that are about pods */
  readonly record: (notes: readonly Note[]) => void;
  readonly nowMs: () => number;
}

/**
 * Tells each note once for as long as it lasts; one that went and comes again is told again. Each pod that it is about
 * gets an Event, one that comes later too.
 */
export function createTeller({ log, record, nowMs }: TellerParts): (notes: readonly Note[]) => void {
  let told = new Set<string>();
  let recordedAtMs = new Map<string, number>();
  return (notes) => {
    const lasting = new Map<string, number>();
    const due: Note[] = [];
    for (const { code, message, pods = [] } of notes) {
      if (!told.has(message)) log.warn('attention', { code, pods: pods.map(describePod) }, message);
      told.add(message);
      const unrecorded = pods.filter((pod) => {
        const key = `${describePod(pod)} ${pod.uid} ${message}`;
        const atMs = lasting.get(key) ?? recordedAtMs.get(key) ?? Number.NEGATIVE_INFINITY;
        const isDue = nowMs() - atMs >= recordAgainMs;
        lasting.set(key, isDue ? nowMs() : atMs);
        return isDue;
      });
      if (unrecorded.length > 0) due.push({ code, message, pods: unrecorded });
    }
    told = new Set(notes.map((note) => note.message));
    recordedAtMs = lasting;
    if (due.length > 0) record(due);
  };
}
