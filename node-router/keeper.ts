/** Keeps the kernel's routes as wanted: reads them, plans, carries out, and remembers what it did. */
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import { ownProtocol, planRoutes } from './core/plan.ts';
import type { Action, LbPod, Note, WantedRoute } from './core/types.ts';
import { findHolders } from './core/wanted.ts';
import { problems } from './errors.ts';
import type { Metrics } from './metrics.ts';
import { describeFailure, reportDeparting, reportGone, reportMended, reportSet } from './report.ts';
import { install } from './routes/install.ts';
import type { Rtnetlink } from './routes/rtnetlink.ts';
import { createUnreachable } from './unreachable.ts';

export interface KeeperParts {
  readonly netlink: Rtnetlink;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
}

export interface Order {
  readonly wanted: readonly WantedRoute[];
  readonly blackholeSeconds: number;
  readonly interface: string | undefined;
  /** when the change that led to this was seen, if it is the first turn after one */
  readonly seenAtMs: number | undefined;
}

export interface RouteKeeper {
  /** Whose pods the kernel's own routes lead to: prefix → service. Throws when the kernel does not answer. */
  holders(pods: readonly LbPod[]): Promise<Map<string, string>>;
  /** Gives what stands in the way; an empty list when the kernel holds what is wanted. */
  keep(order: Order): Promise<Note[]>;
  /** Whether a change of this prefix's routes, made by somebody else, is a reason to look again. */
  concerns(prefix: string): boolean;
  /** Links or routes changed: addresses that could not be reached are tried again in the next turn. */
  retryUnreachable(): void;
  unreachable(): { told: Note[]; count: number };
  /** When a blackhole ends or an address is due again, later than the last keep(); Infinity when neither. */
  nextDueAtMs(): number;
  readonly blackholes: number;
}

export function createRouteKeeper({ netlink, log, metrics, nowMs }: KeeperParts): RouteKeeper {
  let departing = new Map<string, number>();
  /** prefix → the addresses of its route as it was when last seen right */
  const applied = new Map<string, readonly string[]>();
  const unreachable = createUnreachable(nowMs);
  /** When the last keep() began. What was due by then and is still there met a fault, whose own retry is next. */
  let keptAtMs = Number.NEGATIVE_INFINITY;

  async function bringAbout(order: Order, interfaceIndex: number): Promise<Note[]> {
    const { wanted, blackholeSeconds } = order;
    unreachable.keepOnly(new Set(wanted.flatMap((route) => route.nexthops)));
    const plan = planRoutes({
      wanted,
      held: await netlink.routes(),
      departing,
      applied,
      unusable: unreachable.waiting(),
      nowMs: nowMs(),
      blackholeMs: blackholeSeconds * 1_000,
    });
    for (const [prefix, nexthops] of plan.kept) {
      applied.set(prefix, nexthops);
      unreachable.reached(nexthops);
    }
    for (const prefix of plan.departing.keys()) {
      if (!departing.has(prefix)) reportDeparting(log, prefix, blackholeSeconds);
    }
    const faults: Note[] = [...plan.notes];
    for (const action of plan.actions) faults.push(...(await carryOut(action, order, interfaceIndex)));
    const kept = new Set([...wanted.map((route) => route.prefix), ...plan.departing.keys()]);
    for (const prefix of departing.keys()) if (!kept.has(prefix)) reportGone(log, prefix);
    for (const prefix of applied.keys()) if (!kept.has(prefix)) applied.delete(prefix);
    departing = plan.departing;
    return faults;
  }

  async function carryOut(action: Action, order: Order, interfaceIndex: number): Promise<Note[]> {
    const outcome = await install(action, netlink, interfaceIndex);
    if (outcome.kind === 'failed') {
      metrics.failures.inc({ code: outcome.code ?? 'none' });
      return [describeFailure(action, outcome.code, outcome.why)];
    }
    if (action.kind === 'set') recordSet(action, outcome, order);
    else if (action.cause === 'drift') {
      metrics.mended.inc();
      reportMended(log, action);
    }
    return [];
  }

  function recordSet(
    action: Action & { kind: 'set' },
    { nexthops, unusable, code }: { nexthops: readonly string[]; unusable: readonly string[]; code?: string },
    { wanted, seenAtMs }: Order,
  ): void {
    const { prefix, cause } = action;
    unreachable.reached(nexthops);
    unreachable.missed(unusable, prefix, code ?? '');
    // the same part of the addresses as before: no line at every retry
    if (nexthops.length === 0 || (cause === 'pods' && `${action.before}` === `${nexthops}`)) return;
    const delayMs = seenAtMs === undefined ? undefined : nowMs() - seenAtMs;
    (cause === 'drift' ? metrics.mended : metrics.changes).inc();
    if (delayMs !== undefined) metrics.changeSeconds.observe(delayMs / 1_000);
    applied.set(prefix, nexthops);
    const owner = wanted.find((route) => route.prefix === prefix);
    reportSet(log, action, owner, nexthops, delayMs);
  }

  return {
    async holders(pods) {
      const own = (await netlink.routes()).filter((route) => route.protocol === ownProtocol);
      return findHolders(own, pods);
    },
    async keep(order) {
      keptAtMs = nowMs();
      try {
        const name = order.interface;
        const interfaceIndex = name === undefined ? 0 : await netlink.interfaceIndex(name);
        if (name !== undefined && interfaceIndex === 0) return [problems.INTERFACE_MISSING(name)];
        return await bringAbout(order, interfaceIndex);
      } catch (error) {
        metrics.failures.inc({ code: 'read' });
        return [problems.KERNEL_SILENT('reading the routes', reasonOf(error))];
      }
    },
    concerns: (prefix) => unreachable.size > 0 || applied.has(prefix) || departing.has(prefix),
    retryUnreachable: () => unreachable.retryNow(),
    unreachable: () => ({ told: unreachable.describe(), count: unreachable.size }),
    nextDueAtMs: () =>
      Math.min(
        unreachable.nextRetryAtMs(keptAtMs),
        ...[...departing.values()].filter((endsAtMs) => endsAtMs > keptAtMs),
      ),
    get blackholes() {
      return departing.size;
    },
  };
}
