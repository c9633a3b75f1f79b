/**
 * What leaves, leaves in order. A port that is no longer the Service's stays as a virtual service whose servers
 * have weight 0 until the drain time is over: its flows end by themselves. A prefix that is no longer in the
 * settings is withdrawn first, then drained with its route and rules kept, then gone. What comes back meanwhile
 * is as if it had never left. Plain data, so that it can be kept in a file.
 */
import { byPortThenProtocol } from './service-ports.ts';
import type { VirtualService } from './types.ts';

export interface LeavingPort {
  virtualService: VirtualService;
  goneAtMs: number;
}

export type LeavingPrefix =
  /** The sidecar has been told, the routers may still send here. */
  { phase: 'withdrawing'; givenUpAtMs: number } | { phase: 'draining'; goneAtMs: number };

export interface Departing {
  /** As wanted at the last step; what is missing in the next one leaves. */
  wanted: { virtualServices: VirtualService[]; prefixes: string[] };
  ports: LeavingPort[];
  prefixes: Record<string, LeavingPrefix>;
}

export interface DepartingInput {
  nowMs: number;
  virtualServices: readonly VirtualService[];
  prefixes: readonly string[];
  /** What the sidecar still announces; undefined when nobody tells, then `withdrawDeadlineMs` decides. */
  announced: ReadonlySet<string> | undefined;
  withdrawDeadlineMs: number;
  drainMs: number;
}

export interface DepartingOutput {
  /** Wanted ones and leaving ones, in canonical order. */
  virtualServices: VirtualService[];
  /** What the lease names. */
  announcePrefixes: string[];
  /** What keeps its route and rules. */
  keptPrefixes: string[];
  /** When this must be asked again though nothing changed. */
  nextDeadlineMs?: number;
}

export function noneDeparting(): Departing {
  return { wanted: { virtualServices: [], prefixes: [] }, ports: [], prefixes: {} };
}

export function stepDeparting(
  departing: Departing,
  input: DepartingInput,
): { departing: Departing; output: DepartingOutput } {
  const ports = stepPorts(departing, input);
  const prefixes = stepPrefixes(departing, input);
  const leaving = Object.values(prefixes);
  const deadlines = [
    ...ports.map(({ goneAtMs }) => goneAtMs),
    ...leaving.map((prefix) => (prefix.phase === 'draining' ? prefix.goneAtMs : prefix.givenUpAtMs)),
  ].filter((deadlineMs) => deadlineMs > input.nowMs);
  return {
    departing: {
      wanted: { virtualServices: [...input.virtualServices], prefixes: [...input.prefixes] },
      ports,
      prefixes,
    },
    output: {
      virtualServices: [...input.virtualServices, ...ports.map(({ virtualService }) => virtualService)].sort(
        byPortThenProtocol,
      ),
      announcePrefixes: [...input.prefixes],
      keptPrefixes: [...input.prefixes, ...Object.keys(prefixes).sort()],
      ...(deadlines.length > 0 ? { nextDeadlineMs: Math.min(...deadlines) } : {}),
    },
  };
}

function stepPorts(departing: Departing, { nowMs, drainMs, virtualServices }: DepartingInput): LeavingPort[] {
  const wanted = new Set(virtualServices.map(({ key }) => key));
  const left = departing.wanted.virtualServices
    .filter(({ key, realServers }) => !wanted.has(key) && realServers.length > 0)
    .map((service) => ({ virtualService: drained(service), goneAtMs: nowMs + drainMs }));
  return [...departing.ports, ...left].filter(
    ({ virtualService, goneAtMs }) => !wanted.has(virtualService.key) && goneAtMs > nowMs,
  );
}

function drained(service: VirtualService): VirtualService {
  const realServers = service.realServers.map((server) => ({
    ...server,
    weight: 0,
    state: 'draining' as const,
  }));
  return { ...service, realServers };
}

function stepPrefixes(departing: Departing, input: DepartingInput): Record<string, LeavingPrefix> {
  const { nowMs, withdrawDeadlineMs } = input;
  const left = departing.wanted.prefixes.map((prefix): [string, LeavingPrefix] => [
    prefix,
    { phase: 'withdrawing', givenUpAtMs: nowMs + withdrawDeadlineMs },
  ]);
  const before = new Map([...left, ...Object.entries(departing.prefixes)]);
  const after: Record<string, LeavingPrefix> = {};
  for (const [prefix, leaving] of before) {
    if (input.prefixes.includes(prefix)) continue;
    const next = stepPrefix(prefix, leaving, input);
    if (next.phase === 'withdrawing' || next.goneAtMs > nowMs) after[prefix] = next;
  }
  return after;
}

function stepPrefix(prefix: string, leaving: LeavingPrefix, input: DepartingInput): LeavingPrefix {
  if (leaving.phase === 'draining') return leaving;
  const { announced, nowMs, drainMs } = input;
  // A sidecar that says "still announced" is believed without a deadline: routers do send here.
  const withdrawn = announced ? !announced.has(prefix) : nowMs >= leaving.givenUpAtMs;
  return withdrawn ? { phase: 'draining', goneAtMs: nowMs + drainMs } : leaving;
}
