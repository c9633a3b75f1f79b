/** Wires the node router: settings and pods → loop → the kernel's routes; signals, health and metrics. */
import { monotonicMs } from '../common/clock.ts';
import { type HealthServer, serveHealth } from '../common/http.ts';
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
const healthRetryMs = 5_000;

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
  let health: Promise<HealthServer | undefined> = Promise.resolve(undefined);
  let healthPort: number | undefined;
  const serve = (port: number) =>
    keepServing(
      () =>
        serveHealth({
          address: nodeIP,
          port,
          live: () => whyStuck(monotonicMs() - loop.turnedAtMs),
          ready: reconciler.notReady,
          metrics: () => metrics.registry.metrics(),
        }),
      asked,
    );
  const inputs = await watchInputs(settingsFile, log, {
    onSettings(settings) {
      reconciler.offerSettings(settings);
      loop.trigger();
      if (settings.health.port === healthPort) return;
      healthPort = settings.health.port;
      health = health.then((server) => server?.close()).then(() => serve(settings.health.port));
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
  await (await health)?.close();
  netlink.close();
  return 0;
}

/** A port that is taken does not keep the routes from being kept: told, and tried again. */
async function keepServing(
  serve: () => Promise<HealthServer>,
  stopped: Promise<void>,
): Promise<HealthServer | undefined> {
  for (let told = ''; ; ) {
    try {
      return await serve();
    } catch (error) {
      if (reasonOf(error) !== told) log.error('health', {}, reasonOf(error));
      told = reasonOf(error);
    }
    const retry = new Promise<'again'>((resolve) => setTimeout(resolve, healthRetryMs, 'again').unref());
    if ((await Promise.race([retry, stopped])) !== 'again') return undefined;
  }
}

function whyStuck(stoodMs: number): string | undefined {
  return stoodMs > stuckMs ? `the loop has stood still for ${Math.round(stoodMs / 1_000)} s` : undefined;
}
