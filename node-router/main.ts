/** Wires the node router: settings and pods → loop → the kernel's routes; signals, health and metrics. */
import { monotonicMs } from '../common/clock.ts';
import { createHealth, whyStuck } from '../common/health.ts';
import { openKubernetes } from '../common/kubernetes/client.ts';
import { createLogger } from '../common/log.ts';
import { startLoop } from '../common/loop.ts';
import { reasonOf } from '../common/problem.ts';
import { stopAsked } from '../common/stop.ts';
import { type Config, readConfig } from './config.ts';
import { ownProtocol } from './core/plan.ts';
import { watchInputs } from './inputs.ts';
import { createRouteKeeper } from './keeper.ts';
import { createMetrics } from './metrics.ts';
import { createPodEvents } from './pod-events.ts';
import { createReconciler } from './reconcile.ts';
import { removeEverywhere } from './remove-everywhere.ts';
import { removeRoutes, stayRemoved } from './remove-routes.ts';
import { listenToKernel } from './routes/events.ts';
import { openRtnetlink, type Rtnetlink } from './routes/rtnetlink.ts';

/** Each request of a turn has a deadline; a turn that takes longer than this is stuck. */
const stuckMs = 60_000;

const log = createLogger({ program: 'node-router' });

const openApi = () => openKubernetes(process.env);

try {
  const config = readConfig(process.argv.slice(2), process.env);
  // an Event that still waits for the API server is not worth staying for
  process.exit(await begin(config));
} catch (error) {
  log.error('start', {}, reasonOf(error));
  process.exit(1);
}

/** Resolves to the exit code. */
async function begin(config: Config): Promise<number> {
  if (config.task === 'remove-everywhere') return removeEverywhere(await openApi(), config.daemonSet, log);
  const netlink = openRtnetlink();
  try {
    if (config.task === 'remove-routes') return await removeRoutes(netlink, log);
    if (config.task === 'stay-removed') return await stayRemoved(config, netlink, log);
    return await run(config, netlink);
  } finally {
    netlink.close();
  }
}

async function run(config: Config, netlink: Rtnetlink): Promise<number> {
  const { settingsFile, nodeName, nodeIP, sysctlDirectory } = config;
  const asked = stopAsked();
  let snapshotAtMs: number | undefined;
  let confirmedAtMs: () => number | undefined = () => undefined;
  const metrics = createMetrics({
    snapshotAgeSeconds: () => secondsSince(snapshotAtMs),
    confirmedAgeSeconds: () => secondsSince(confirmedAtMs()),
  });
  const podEvents = createPodEvents(nodeName, log);
  const keeper = createRouteKeeper({ netlink, log, metrics, nowMs: monotonicMs });
  const reconciler = createReconciler({
    nodeName,
    nodeIP,
    sysctlDirectory,
    keeper,
    log,
    metrics,
    record: podEvents.record,
    nowMs: monotonicMs,
  });
  const loop = startLoop({
    turn: reconciler.turn,
    nowMs: monotonicMs,
    onError: (error) => log.error('turn', { error }, `this turn failed, the next comes: ${reasonOf(error)}`),
  });
  const events = listenToKernel({
    log,
    nowMs: monotonicMs,
    onEvent(event) {
      if (event.kind === 'route' && !keeper.concerns(event.prefix)) return;
      // a route of this program's own, mostly the echo of what it did, opens no way to an LB pod
      if (event.kind !== 'route' || event.protocol !== ownProtocol) keeper.retryUnreachable();
      loop.trigger();
    },
  });
  const health = createHealth(
    {
      address: nodeIP,
      ownPort: config.healthPort,
      live: () => whyStuck(monotonicMs() - loop.turnedAtMs, stuckMs),
      ready: reconciler.notReady,
      metrics: () => metrics.registry.metrics(),
    },
    log,
  );
  const inputs = await watchInputs({
    settingsFile,
    nodeName,
    log,
    nowMs: monotonicMs,
    openApi,
    onApi: podEvents.use,
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

  confirmedAtMs = () => inputs.confirmedAtMs;

  await asked;
  log.info('stop', {}, 'stopping; the routes stay in place (--remove-routes takes them away)');
  events.close();
  await inputs.close();
  await loop.stop();
  await health.close();
  return 0;
}

function secondsSince(atMs: number | undefined): number | undefined {
  return atMs === undefined ? undefined : (monotonicMs() - atMs) / 1_000;
}
