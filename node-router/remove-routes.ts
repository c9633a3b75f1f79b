/** `--remove-routes`: what is left to do on a node that will not route to LB pods again. */
import { createHealth } from '../common/health.ts';
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import { followSettings } from '../common/settings-file.ts';
import { stopAsked } from '../common/stop.ts';
import type { Config } from './config.ts';
import { ownProtocol } from './core/plan.ts';
import { describeFailure } from './report.ts';
import { install } from './routes/install.ts';
import type { Rtnetlink } from './routes/rtnetlink.ts';
import { parseSettings } from './settings.ts';

const retryMs = 2_000;

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

/**
 * `--remove-routes --stay`: what a node router is until its DaemonSet is deleted. Ready when the routes are gone, so
 * that whoever asked for it sees on which nodes they are.
 */
export async function stayRemoved(config: Config, netlink: Rtnetlink, log: Logger): Promise<number> {
  const asked = stopAsked();
  let missing: string | undefined = 'the routes are not removed yet';
  const health = createHealth(
    {
      address: config.nodeIP,
      ownPort: config.healthPort,
      live: () => undefined,
      ready: () => missing,
      metrics: async () => '',
    },
    log,
  );
  const settings = await followSettings(config.settingsFile, parseSettings, {
    onSettings: (read) => health.follow(read.health.port),
    onRefused: (problems) => problems.map(({ code, message }) => log.error('settings', { code }, message)),
  });
  let retry: NodeJS.Timeout | undefined;
  const remove = async () => {
    const left = await removeRoutes(netlink, log).catch((error: unknown) => {
      log.error('remove-routes', {}, reasonOf(error));
      return 1;
    });
    if (left === 0) missing = undefined;
    else retry = setTimeout(remove, retryMs);
  };
  await remove();
  await asked;
  clearTimeout(retry);
  await settings.close();
  await health.close();
  return missing === undefined ? 0 : 1;
}
