/** Wires the controller: inputs → loop → keepalived and kernel; signals, health and metrics. */
import { monotonicMs } from '../common/clock.ts';
import { createHealth, whyStuck } from '../common/health.ts';
import { openKubernetes } from '../common/kubernetes/client.ts';
import { createLogger } from '../common/log.ts';
import { startLoop } from '../common/loop.ts';
import { openedOnce } from '../common/opened-once.ts';
import { createReminder } from '../common/reminder.ts';
import { usual } from '../common/settings.ts';
import { stopAsked } from '../common/stop.ts';
import { check } from './check.ts';
import { clearStatus } from './cluster/clear-status.ts';
import { createClusterDuties } from './cluster/duties.ts';
import { type Config, readConfig, usage } from './config.ts';
import { describeDrained, drain } from './drain.ts';
import { followEndpoints, makeSource } from './followed-endpoints.ts';
import { watchInputs } from './inputs.ts';
import { createMetrics } from './metrics.ts';
import { observe } from './observe.ts';
import { makeParts } from './parts.ts';

const tickMs = 1000;
/** Each step of a turn has a deadline; a turn that takes longer than this is stuck. */
const stuckMs = 30_000;
/** Turns that fail for the same reason are told at once and then this often. */
const remindEveryMs = 60_000;

const log = createLogger({ program: 'controller' });

const tasks: Record<Config['task'], (config: Config) => Promise<number>> = {
  run,
  check,
  'clear-status': ({ settingsFile, kubernetes }) =>
    clearStatus(settingsFile, () => openKubernetes(kubernetes), log),
  async help() {
    process.stdout.write(`${usage}\n`);
    return 0;
  },
};

try {
  const config = readConfig(process.argv.slice(2), process.env);
  process.exitCode = await tasks[config.task](config);
} catch (error) {
  log.error('start', {}, (error as Error).message);
  process.exitCode = 1;
}

async function run(config: Config): Promise<number> {
  const asked = stopAsked();
  const nowMs = monotonicMs;
  const kubernetes = openedOnce(() => openKubernetes(config.kubernetes));
  const metrics = createMetrics({ snapshotAgeSeconds: () => endpoints.ageSeconds() });
  let wake = () => {};
  const endpoints = followEndpoints({
    log,
    nowMs,
    makeSource: makeSource(kubernetes),
    onSnapshot(snapshot) {
      reconciler.offerSnapshot(snapshot);
      wake();
    },
  });
  const { reconciler, inherits, keepalived, ipvs, speakerState, traffic } = await makeParts(
    config,
    log,
    metrics,
    { onChange: () => wake(), onAccepted: ({ settings }) => endpoints.follow(settings) },
  );
  const duties = createClusterDuties({ podName: config.podName, open: kubernetes, speakerState, log, nowMs });
  let stopping = false;
  const tendDuties = () => {
    const { settings, state } = reconciler;
    return duties.tend({ settings, state, ready: reconciler.notReady() === undefined, stopping });
  };
  const failing = createReminder((text) => log.error('turn', {}, text), remindEveryMs, nowMs);
  const loop = startLoop({
    turn: async () => {
      await reconciler.turn();
      failing(undefined);
      endpoints.remind();
      await tendDuties();
      return tickMs;
    },
    nowMs,
    onError: (error) =>
      failing(`this turn failed and is tried again, the lease is not renewed: ${(error as Error).message}`),
  });
  wake = () => loop.trigger();
  const health = createHealth(
    {
      address: config.podIP,
      ownPort: config.healthPort,
      live: () => whyStuck(nowMs() - loop.turnedAtMs, stuckMs),
      ready: () => reconciler.notReady(),
      metrics: () => metrics.registry.metrics(),
    },
    log,
  );
  // Before the first settings that can be read, too: whoever restarts what does not answer would do so for ever.
  health.follow(usual.controllerPort);
  const inputs = await watchInputs(config, log, (configuration) => {
    health.follow(configuration.settings.health.controllerPort);
    reconciler.offerConfiguration(configuration);
    loop.trigger();
  });
  const observing = new AbortController();
  void observe({ ipvs, keepalived, metrics, log }, observing.signal);
  await asked;
  // Refused ones say best what is wanted; without any, rules of a controller before this one may carry traffic.
  const settings = reconciler.newestSettings;
  const drainSeconds = settings?.drain.seconds ?? (inherits ? usual.drainSeconds : 0);
  log.info(
    'stop',
    { drainSeconds },
    `SIGTERM: the prefixes are withdrawn, then flows have ${drainSeconds} s to end`,
  );
  stopping = true;
  reconciler.beginStop();
  loop.trigger();
  const drained = await drain({
    announces: settings ? settings.bgp !== undefined : (await speakerState()) !== undefined,
    drainMs: drainSeconds * 1000,
    speakerState,
    traffic,
    nowMs,
  });
  log.info('drained', { ...drained }, describeDrained(drained));
  observing.abort();
  await inputs.stop();
  await loop.stop();
  await tendDuties();
  await Promise.all([duties.close(), endpoints.stop()]);
  await keepalived.stop();
  await health.close();
  return 0;
}
