/** `--remove-routes`: what is left to do on a node that will not route to LB pods again. */
import type { Logger } from '../common/log.ts';
import { ownProtocol } from './core/plan.ts';
import { describeFailure } from './report.ts';
import { install } from './routes/install.ts';
import type { Rtnetlink } from './routes/rtnetlink.ts';

/** Resolves to the exit code. */
export async function removeRoutes(netlink: Rtnetlink, log: Logger): Promise<number> {
  const own = (await netlink.routes()).filter((route) => route.protocol === ownProtocol);
  let left = 0;
  // those to LB pods first: packets then meet the blackhole until that is gone too
  for (const route of own.sort((a, b) => a.metric - b.metric)) {
    const action = { kind: 'delete', route, cause: 'pods' } as const;
    const outcome = await install(action, netlink, 0);
    if (outcome.kind === 'done') continue;
    left += 1;
    log.error(
      'remove-routes',
      { prefix: route.prefix },
      describeFailure(action, outcome.code, outcome.why).message,
    );
  }
  const removed = own.length - left;
  log.info(
    'remove-routes',
    { removed, left },
    `${removed} routes of proto ${ownProtocol} removed, ${left} left`,
  );
  return left === 0 ? 0 : 1;
}
