/**
 * announce: what the LB pod's prefixes should be to the routers, from the lease, the speaker and signals.
 * Pure: no clock, no I/O, no log line. Times are milliseconds of monotonicMs().
 */
import type { Lease, LeaseRead } from '../common/lease.ts';
import type { PrefixState } from '../common/speaker-state.ts';

export type Phase = 'waiting' | 'announced' | 'last-resort' | 'withdrawn' | 'stopping' | 'ended';

export type AnnounceEvent =
  | { type: 'lease'; reading: LeaseRead }
  | { type: 'settings'; lastResortMs: number }
  | { type: 'tick' }
  /** settled: every established peer was told what was wanted last, or no peer is established */
  | { type: 'speaker'; settled: boolean }
  /** SIGTERM; a second one ends the program at once */
  | { type: 'stop' };

export type Action =
  /** what is wanted of each prefix from now on; withdrawals come before announcements */
  | { type: 'tell'; phase: Phase; reason: string; prefixes: Record<string, PrefixState> }
  /** nothing changes by itself before this time */
  | { type: 'wait'; untilMs: number }
  | { type: 'exit'; why: 'withdrawn' | 'deadline' | 'second signal' };

export interface AnnounceState {
  readonly phase: Phase;
  readonly reason: string;
  /** the last lease that could be read: it counts until it lapses, whatever becomes of the file */
  readonly lease: Lease | undefined;
  readonly lastResortMs: number;
  /** every prefix that was ever wanted; those that have gone stay as withdrawn */
  readonly prefixes: Readonly<Record<string, PrefixState>>;
  readonly settled: boolean;
  readonly stoppingSinceMs: number | undefined;
}

export interface Decision {
  readonly state: AnnounceState;
  readonly actions: Action[];
}

/** After SIGTERM the withdrawal must be out within this time; ending the session withdraws too. */
export const withdrawDeadlineMs = 2_000;
/** A lease from further in the future is one from before a reboot. */
const futureToleranceMs = 1_000;

export function startAnnouncing(lastResortMs: number): AnnounceState {
  return {
    phase: 'waiting',
    reason: 'no lease was seen yet',
    lease: undefined,
    lastResortMs,
    prefixes: {},
    settled: true,
    stoppingSinceMs: undefined,
  };
}

export function decide(before: AnnounceState, event: AnnounceEvent, nowMs: number): Decision {
  if (before.phase === 'ended') return { state: before, actions: [] };
  if (event.type === 'stop' && before.stoppingSinceMs !== undefined) return end(before, 'second signal');
  const heard = hear(before, event, nowMs);
  const judged = judge(heard, nowMs);
  const prefixes = wantedPrefixes(heard, judged.phase);
  const changed = judged.phase !== before.phase || !sameStates(prefixes, before.prefixes);
  // what was settled is not settled any more once something else is wanted
  const settled = changed ? false : heard.settled;
  const state = { ...heard, phase: judged.phase, reason: judged.reason, prefixes, settled };
  const actions: Action[] = changed
    ? [{ type: 'tell', phase: judged.phase, reason: judged.reason, prefixes: { ...prefixes } }]
    : [];
  if (state.stoppingSinceMs !== undefined && !changed) {
    if (settled) return end(state, 'withdrawn');
    if (nowMs >= state.stoppingSinceMs + withdrawDeadlineMs) return end(state, 'deadline');
  }
  if (judged.untilMs !== undefined) actions.push({ type: 'wait', untilMs: judged.untilMs });
  return { state, actions };
}

function hear(state: AnnounceState, event: AnnounceEvent, nowMs: number): AnnounceState {
  switch (event.type) {
    case 'lease':
      return event.reading.state === 'read' && event.reading.lease.renewedAtMs <= nowMs + futureToleranceMs
        ? { ...state, lease: event.reading.lease }
        : state;
    case 'settings':
      return { ...state, lastResortMs: event.lastResortMs };
    case 'speaker':
      return { ...state, settled: event.settled };
    case 'stop':
      return { ...state, stoppingSinceMs: nowMs };
    case 'tick':
      return state;
  }
}

interface Judgement {
  phase: Phase;
  reason: string;
  untilMs?: number;
}

function judge({ stoppingSinceMs, lease, lastResortMs }: AnnounceState, nowMs: number): Judgement {
  if (stoppingSinceMs !== undefined)
    return {
      phase: 'stopping',
      reason: 'the pod is stopping',
      untilMs: stoppingSinceMs + withdrawDeadlineMs,
    };
  if (lease === undefined) return { phase: 'waiting', reason: 'no lease was seen yet' };
  if (!lease.announce) return { phase: 'withdrawn', reason: `the lease says no: ${lease.reason}` };
  const lapsesAtMs = lease.renewedAtMs + lease.lengthMs;
  if (nowMs <= lapsesAtMs)
    return { phase: 'announced', reason: `the lease says yes: ${lease.reason}`, untilMs: lapsesAtMs };
  const why = 'the lease lapsed: the controller is dead or stuck and nobody tends the rules';
  const endsAtMs = lapsesAtMs + lastResortMs;
  if (nowMs < endsAtMs) return { phase: 'last-resort', reason: why, untilMs: endsAtMs };
  return {
    phase: 'withdrawn',
    reason: `${why}, and bgp.lastResortSeconds (${lastResortMs / 1_000}) are over`,
  };
}

function wantedPrefixes(state: AnnounceState, phase: Phase): Record<string, PrefixState> {
  const wanted: Record<string, PrefixState> = {};
  for (const prefix of Object.keys(state.prefixes)) wanted[prefix] = 'withdrawn';
  const kind = phase === 'announced' || phase === 'last-resort' ? phase : 'withdrawn';
  for (const prefix of state.lease?.prefixes ?? []) wanted[prefix] = kind;
  return wanted;
}

function sameStates(
  a: Readonly<Record<string, PrefixState>>,
  b: Readonly<Record<string, PrefixState>>,
): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

function end(state: AnnounceState, why: 'withdrawn' | 'deadline' | 'second signal'): Decision {
  return { state: { ...state, phase: 'ended' }, actions: [{ type: 'exit', why }] };
}
