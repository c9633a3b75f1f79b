/** Carries out one action of the plan. What the kernel refuses is an outcome, never an exception. */
import { reasonOf } from '../../common/problem.ts';
import { guardMetric, ownProtocol, routeMetric } from '../core/plan.ts';
import type { Action } from '../core/types.ts';
import type { RouteMessage } from './codec.ts';
import { KernelRefusal, type Rtnetlink } from './rtnetlink.ts';

export type Outcome =
  /** `nexthops`: what the route leads to now. `unusable`: those left out, since the node has no way to them. */
  | {
      readonly kind: 'done';
      readonly nexthops: readonly string[];
      readonly unusable: readonly string[];
      readonly code?: string;
    }
  /** `code`: the kernel's errno by name, undefined when it did not answer. */
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly why: string };

/** What net/ipv4/fib_semantics.c (fib_check_nh) answers for a gateway that no interface leads to at present. */
const unreachableCodes = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EINVAL', 'ENODEV']);

export async function install(action: Action, netlink: Rtnetlink, interfaceIndex: number): Promise<Outcome> {
  try {
    if (action.kind === 'guard') await netlink.add(guardOf(action.prefix));
    if (action.kind === 'delete') await removeRoute(action, netlink);
    if (action.kind === 'set') return await setRoute(action, netlink, interfaceIndex);
    return { kind: 'done', nexthops: [], unusable: [] };
  } catch (error) {
    const code = error instanceof KernelRefusal ? error.code : undefined;
    return { kind: 'failed', code, why: reasonOf(error) };
  }
}

async function setRoute(
  { prefix, nexthops, before }: Action & { kind: 'set' },
  netlink: Rtnetlink,
  interfaceIndex: number,
): Promise<Outcome> {
  // EXCL where there was none: a route that somebody else made a moment ago is not overwritten
  const put = (via: readonly string[]) => {
    const route = routeOf(prefix, via, interfaceIndex);
    return before === undefined ? netlink.add(route) : netlink.replace(route);
  };
  try {
    await put(nexthops);
    return { kind: 'done', nexthops, unusable: [] };
  } catch (error) {
    if (!(error instanceof KernelRefusal) || !unreachableCodes.has(error.code)) throw error;
    // one LB pod that cannot be reached must not keep the others from getting traffic
    const reachable: string[] = [];
    for (const address of nexthops) if (await netlink.reaches(address)) reachable.push(address);
    if (reachable.length === nexthops.length) throw error;
    if (reachable.length > 0) await put(reachable);
    const unusable = nexthops.filter((address) => !reachable.includes(address));
    return { kind: 'done', nexthops: reachable, unusable, code: error.code };
  }
}

async function removeRoute({ route }: Action & { kind: 'delete' }, netlink: Rtnetlink): Promise<void> {
  const { prefix, metric, type, nexthops } = route;
  try {
    await netlink.remove({ prefix, metric, type, nexthops, protocol: ownProtocol, interfaceIndex: 0 });
  } catch (error) {
    // gone already: that is what was wanted
    if (!(error instanceof KernelRefusal) || error.code !== 'ESRCH') throw error;
  }
}

function guardOf(prefix: string): RouteMessage {
  return {
    prefix,
    metric: guardMetric,
    protocol: ownProtocol,
    type: 'blackhole',
    nexthops: [],
    interfaceIndex: 0,
  };
}

function routeOf(prefix: string, nexthops: readonly string[], interfaceIndex: number): RouteMessage {
  return { prefix, metric: routeMetric, protocol: ownProtocol, type: 'unicast', nexthops, interfaceIndex };
}
