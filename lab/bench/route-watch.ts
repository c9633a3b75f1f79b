import type { Router } from '../roles/router.ts';
import { waitFor } from '../wait.ts';
import { deadlineMs } from './site.ts';

/** The moment at which the router's kernel first had, or had no more, a node as next-hop of the prefix since then. */
export async function nextHopChange(
  router: Router,
  prefix: string,
  node: string,
  wanted: 'present' | 'absent',
  sinceMs: number,
): Promise<number> {
  const change = await waitFor(
    `next-hop ${node} of ${prefix} to be ${wanted} at the router`,
    () =>
      router
        .history(prefix)
        .find(
          ({ atMs, nextHops }) => atMs >= sinceMs && nextHops.includes(node) === (wanted === 'present'),
        ) ?? { notYet: `next-hops ${router.nextHops(prefix).join(', ') || '(none)'}` },
    { deadlineMs, everyMs: 10 },
  );
  return change.atMs;
}
