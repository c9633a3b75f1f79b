/**
 * Wanted routes against the kernel's → what to do, in order. Each prefix has two routes of this program's own: the
 * one via the LB pods (metric 0), and behind it a blackhole with the last metric there is. The kernel takes a route
 * away by itself when the interface it leads to goes (net/ipv4/fib_semantics.c, fib_sync_down_dev) and tells nobody;
 * then the blackhole keeps the packets from going back to the router.
 */
import { overlaps, parsePrefix } from '../../common/cidr.ts';
import { sameAddresses } from './addresses.ts';
import type { Action, Cause, KernelRoute, Note, WantedRoute } from './types.ts';

/** `ip route … proto 142`; a name for it in /etc/iproute2/rt_protos: `142 portable-lb`. */
export const ownProtocol = 142;
export const routeMetric = 0;
export const guardMetric = 4_294_967_295;

export interface PlanInput {
  readonly wanted: readonly WantedRoute[];
  /** the main table's routes */
  readonly held: readonly KernelRoute[];
  /** prefix → when its blackhole ends */
  readonly departing: ReadonlyMap<string, number>;
  /** prefix → the addresses of the route as this program last had it in the kernel */
  readonly applied: ReadonlyMap<string, readonly string[]>;
  /** addresses that the kernel has no way to at present */
  readonly unusable: ReadonlySet<string>;
  readonly nowMs: number;
  readonly blackholeMs: number;
}

export interface Plan {
  readonly actions: Action[];
  readonly departing: Map<string, number>;
  /** prefix → the addresses of a route that is as wanted already */
  readonly kept: Map<string, readonly string[]>;
  readonly notes: Note[];
}

export function planRoutes(input: PlanInput): Plan {
  const byPrefix = Map.groupBy(input.held, (route) => route.prefix);
  const notes: Note[] = [];
  const kept = new Map<string, readonly string[]>();
  const actions = input.wanted.flatMap((route) =>
    keep(route, slotsOf(byPrefix.get(route.prefix) ?? []), input, { notes, kept }),
  );
  const departing = new Map<string, number>();
  for (const prefix of prefixesToLeave(input)) {
    // where a wider prefix is routed, packets go that way: a blackhole would hide its route
    const endsAtMs = isCovered(prefix, input.wanted)
      ? input.nowMs
      : (input.departing.get(prefix) ?? input.nowMs + input.blackholeMs);
    actions.push(...leave(prefix, slotsOf(byPrefix.get(prefix) ?? []), endsAtMs, input));
    if (endsAtMs > input.nowMs) departing.set(prefix, endsAtMs);
  }
  return { actions, departing, kept, notes };
}

interface Slots {
  readonly route: KernelRoute | undefined;
  readonly guard: KernelRoute | undefined;
  /** own routes where this program puts none */
  readonly stray: readonly KernelRoute[];
  readonly foreign: KernelRoute | undefined;
}

function slotsOf(held: readonly KernelRoute[]): Slots {
  const own = held.filter((each) => each.protocol === ownProtocol);
  const route = own.find((each) => each.metric === routeMetric);
  const guard = own.find((each) => each.metric === guardMetric && each.type === 'blackhole');
  const foreign = held.find((each) => each.protocol !== ownProtocol && each.metric === routeMetric);
  return { route, guard, foreign, stray: own.filter((each) => each !== route && each !== guard) };
}

/** Guard first, so that there is no moment with the route alone; strays before a replace, which they would foil. */
function keep(
  wanted: WantedRoute,
  slots: Slots,
  input: PlanInput,
  { notes, kept }: Pick<Plan, 'notes' | 'kept'>,
): Action[] {
  const { prefix } = wanted;
  const applied = input.applied.get(prefix);
  const actions: Action[] = [];
  if (slots.guard === undefined) {
    actions.push({ kind: 'guard', prefix, cause: applied === undefined ? 'pods' : 'drift' });
  }
  actions.push(...slots.stray.map((route) => remove(route, 'drift')));
  if (slots.foreign !== undefined) {
    notes.push(describeForeign(slots.foreign));
    return actions;
  }
  const nexthops = wanted.nexthops.filter((address) => !input.unusable.has(address));
  const before = slots.route;
  if (nexthops.length === 0) {
    // a route that leads only to LB pods of the past is worse than the blackhole
    const stale = before !== undefined && !before.nexthops.every((each) => wanted.nexthops.includes(each));
    return stale ? [...actions, remove(before, 'pods')] : actions;
  }
  if (before !== undefined && isAsWanted(before, nexthops)) {
    kept.set(prefix, nexthops);
    return actions;
  }
  const cause = applied !== undefined && sameAddresses(applied, nexthops) ? 'drift' : 'pods';
  return [...actions, { kind: 'set', prefix, nexthops, before: before?.nexthops, cause }];
}

function leave(prefix: string, slots: Slots, endsAtMs: number, input: PlanInput): Action[] {
  const others = [slots.route, ...slots.stray].flatMap((route) => (route ? [remove(route, 'pods')] : []));
  if (endsAtMs <= input.nowMs) return slots.guard ? [...others, remove(slots.guard, 'pods')] : others;
  return slots.guard ? others : [{ kind: 'guard', prefix, cause: 'pods' }, ...others];
}

/** What this program has in the kernel, had, or is taking leave of, and no LB pod asks for. */
function prefixesToLeave({ wanted, held, departing, applied }: PlanInput): string[] {
  const own = held.filter((route) => route.protocol === ownProtocol).map((route) => route.prefix);
  const kept = new Set(wanted.map((route) => route.prefix));
  return [...new Set([...own, ...departing.keys(), ...applied.keys()])]
    .filter((prefix) => !kept.has(prefix))
    .sort();
}

function isCovered(text: string, wanted: readonly WantedRoute[]): boolean {
  const prefix = parsePrefix(text);
  return wanted.some((route) => {
    const wider = parsePrefix(route.prefix);
    if (typeof prefix === 'string' || typeof wider === 'string') return false;
    return wider.length < prefix.length && overlaps(wider, prefix);
  });
}

function isAsWanted(route: KernelRoute, nexthops: readonly string[]): boolean {
  return route.type === 'unicast' && route.plain && sameAddresses(route.nexthops, nexthops);
}

function remove(route: KernelRoute, cause: Cause): Action {
  return { kind: 'delete', route, cause };
}

function describeForeign({ prefix, protocol, nexthops, type }: KernelRoute): Note {
  const how = type === 'unicast' ? `via ${nexthops.join(', ') || 'an interface'}` : type;
  return {
    code: 'ROUTE_FOREIGN',
    message: `${prefix} has a route that this program did not make (${how}, proto ${protocol}) and is not overwritten: LB pods of this node get nothing for it; find who made it, or remove it with: ip route del ${prefix} proto ${protocol}`,
  };
}
