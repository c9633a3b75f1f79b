/** Wires the node router: settings and pods → loop → the kernel's routes; signals, health and metrics. */
import { monotonicMs } from '../common/clock.ts';
import { createHealth, whyStuck } from '../common/health.ts';
import { createLogger } from '../common/log.ts';
import { startLoop } from '../common/loop.ts';
import { reasonOf } from '../common/problem.ts';
import { stopAsked } from '../common/stop.ts';
import { type Config, readConfig } from './config.ts';
import { watchInputs } from './inputs.ts';
import { createRouteKeeper } from './keeper.ts';
import { createMetrics } from './metrics.ts';
import { createReconciler } from './reconcile.ts';
import { removeRoutes } from './remove-routes.ts';
import { listenToKernel } from './routes/events.ts';
import { openRtnetlink } from './routes/rtnetlink.ts';

/** Each request of a turn has a deadline; a turn that takes longer than this is stuck. */
const stuckMs = 60_000;

const log = createLogger({ program: 'node-router' });

try {
  const config = readConfig(process.argv.slice(2), process.env);
  process.exitCode = config.task === 'remove-routes' ? await clear() : await run(config);
} catch (error) {
  log.error('start', {}, reasonOf(error));
  process.exitCode = 1;
}

async function clear(): Promise<number> {
  const netlink = openRtnetlink();
  try {
    return await removeRoutes(netlink, log);
  } finally {
    netlink.close();
  }
}

async function run({ settingsFile, nodeName, nodeIP }: Config): Promise<number> {
  const asked = stopAsked();
  const netlink = openRtnetlink();
  let snapshotAtMs: number | undefined;
  const metrics = createMetrics({
    snapshotAgeSeconds: () =>
      snapshotAtMs === undefined ? undefined : (monotonicMs() - snapshotAtMs) / 1_000,
  });
  const keeper = createRouteKeeper({ netlink, log, metrics, nowMs: monotonicMs });
  const reconciler = createReconciler({ nodeName, nodeIP, keeper, log, metrics, nowMs: monotonicMs });
  const loop = startLoop({
    turn: reconciler.turn,
    nowMs: monotonicMs,
    onError: (error) => log.error('turn', { error }, `this turn failed, the next comes: ${reasonOf(error)}`),
  });
  const events = listenToKernel({
    ownPort: () => netlink.port,
    onEvent(event) {
      if (event.kind === 'route' && !keeper.concerns(event.prefix)) return;
      keeper.retryUnreachable();
      loop.trigger();
    },
  });
  const health = createHealth(
    {
      address: nodeIP,
      live: () => whyStuck(monotonicMs() - loop.turnedAtMs, stuckMs),
      ready: reconciler.notReady,
      metrics: () => metrics.registry.metrics(),
    },
    log,
  );
  const inputs = await watchInputs(settingsFile, log, {
    onSettings(settings) {
      health.follow(settings.health.port);
      reconciler.offerSettings(settings);
      loop.trigger();
    },
    onPods(snapshot) {
      snapshotAtMs = snapshot.takenAtMs;
      reconciler.offerPods(snapshot);
      loop.trigger();
    },
  });

  await asked;
  log.info('stop', {}, 'stopping; the routes stay in place (--remove-routes takes them away)');
  events.close();
  await inputs.close();
  await loop.stop();
  await health.close();
  netlink.close();
  return 0;
}
