/** Wires the controller: inputs → loop → keepalived and kernel; signals, health and metrics. */
import { monotonicMs } from '../common/clock.ts';
import { createHealth, whyStuck } from '../common/health.ts';
import { createLogger } from '../common/log.ts';
import { startLoop } from '../common/loop.ts';
import { createReminder } from '../common/reminder.ts';
import { stopAsked } from '../common/stop.ts';
import { check } from './check.ts';
import { type Config, readConfig } from './config.ts';
import { drain } from './drain.ts';
import { followEndpoints } from './followed-endpoints.ts';
import { watchInputs } from './inputs.ts';
import { createMetrics } from './metrics.ts';
import { observe } from './observe.ts';
import { makeParts } from './parts.ts';

const tickMs = 1000;
/** Each step of a turn has a deadline; a turn that takes longer than this is stuck. */
const stuckMs = 30_000;
/** Turns that fail for the same reason are told at once and then this often. */
const remindEveryMs = 60_000;
/** Where health is before the first settings that can be read: whoever restarts what does not answer would do so for ever. */
const defaultHealthPort = 9440;

const log = createLogger({ program: 'controller' });

try {
  const config = readConfig(process.argv.slice(2), process.env);
  process.exitCode = config.check ? await check(config) : await run(config);
} catch (error) {
  log.error('start', {}, (error as Error).message);
  process.exitCode = 1;
}

async function run(config: Config): Promise<number> {
  const asked = stopAsked();
  let snapshotAtMs: number | undefined;
  const metrics = createMetrics({
    snapshotAgeSeconds: () =>
      snapshotAtMs === undefined ? undefined : (monotonicMs() - snapshotAtMs) / 1000,
  });
  let wake = () => {};
  const endpoints = followEndpoints(log, (snapshot) => {
    snapshotAtMs = snapshot.takenAtMs;
    reconciler.offerSnapshot(snapshot);
    wake();
  });
  const { reconciler, keepalived, ipvs, speakerState, traffic } = await makeParts(config, log, metrics, {
    onChange: () => wake(),
    onAccepted: ({ settings }) => endpoints.follow(settings),
  });
  const failing = createReminder((text) => log.error('turn', {}, text), remindEveryMs, monotonicMs);
  const loop = startLoop({
    turn: async () => {
      await reconciler.turn();
      failing(undefined);
      return tickMs;
    },
    nowMs: monotonicMs,
    onError: (error) =>
      failing(`this turn failed and is tried again, the lease is not renewed: ${(error as Error).message}`),
  });
  wake = () => loop.trigger();
  const health = createHealth(
    {
      address: config.podIP,
      live: () => whyStuck(monotonicMs() - loop.turnedAtMs, stuckMs),
      ready: () => reconciler.notReady(),
      metrics: () => metrics.registry.metrics(),
    },
    log,
  );
  health.follow(defaultHealthPort);
  const inputs = await watchInputs(config, log, (configuration) => {
    health.follow(configuration.settings.health.controllerPort);
    reconciler.offerConfiguration(configuration);
    loop.trigger();
  });
  const observing = new AbortController();
  void observe({ ipvs, keepalived, metrics, log }, observing.signal);
  await asked;
  const drainSeconds = reconciler.settings?.drain.seconds ?? 0;
  log.info(
    'stop',
    { drainSeconds },
    `SIGTERM: the prefixes are withdrawn, then flows have ${drainSeconds} s to end`,
  );
  reconciler.beginStop();
  loop.trigger();
  const drained = await drain({
    announces: reconciler.settings?.bgp !== undefined,
    drainMs: drainSeconds * 1000,
    speakerState,
    traffic,
    nowMs: monotonicMs,
  });
  log.info('drained', { ...drained }, describeDrain(drained));
  observing.abort();
  await inputs.stop();
  await loop.stop();
  await endpoints.stop();
  await keepalived.stop();
  await health.close();
  return 0;
}

function describeDrain(drained: Awaited<ReturnType<typeof drain>>): string {
  const { withdrawn, withdrawMs, ended, drainMs, connectionsLeft } = drained;
  const seconds = (drainMs / 1000).toFixed(1);
  const told =
    withdrawn === 'nothing to withdraw'
      ? withdrawn
      : `withdrawal ${withdrawn} after ${Math.round(withdrawMs)} ms`;
  return `${told}; forwarded for ${seconds} s more until ${ended}, ${connectionsLeft ?? 'unknown how many'} connections left`;
}
