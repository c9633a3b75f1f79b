/** What the kernel's main table does with the plan's actions, as far as the plan depends on it. */
import { canonical } from '../../../../node-router/core/addresses.ts';
import { guardMetric, ownProtocol, routeMetric } from '../../../../node-router/core/plan.ts';
import type { Action, KernelRoute } from '../../../../node-router/core/types.ts';

export const own = (prefix: string, nexthops: string[], changed: Partial<KernelRoute> = {}): KernelRoute => ({
  prefix,
  metric: routeMetric,
  protocol: ownProtocol,
  type: 'unicast',
  nexthops: canonical(nexthops),
  plain: true,
  ...changed,
});
export const guard = (prefix: string): KernelRoute =>
  own(prefix, [], { metric: guardMetric, type: 'blackhole' });
export const foreign = (prefix: string, changed: Partial<KernelRoute> = {}): KernelRoute =>
  own(prefix, ['10.0.0.1'], { protocol: 4, ...changed });

/** fib_table_insert and fib_table_delete of net/ipv4/fib_trie.c. Throws where the kernel would refuse. */
export function carryOut(table: readonly KernelRoute[], action: Action): KernelRoute[] {
  const at = (prefix: string, metric: number) =>
    table.find((route) => route.prefix === prefix && route.metric === metric);
  if (action.kind === 'guard') {
    if (at(action.prefix, guardMetric)) throw new Error('EEXIST');
    return [...table, guard(action.prefix)];
  }
  if (action.kind === 'delete') {
    if (!table.includes(action.route)) throw new Error('ESRCH');
    return table.filter((route) => route !== action.route);
  }
  const before = at(action.prefix, routeMetric);
  if ((before !== undefined) !== (action.before !== undefined)) throw new Error('EEXIST or ENOENT');
  const after = own(action.prefix, [...action.nexthops]);
  return before === undefined ? [...table, after] : table.map((route) => (route === before ? after : route));
}
