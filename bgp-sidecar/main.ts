/** bgp-sidecar: announces the VIP prefixes while the lease says yes. Wires its parts; see docs/architecture.md. */
import { monotonicMs } from '../common/clock.ts';
import { createHealth, whyStuck } from '../common/health.ts';
import { createLogger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import { usual } from '../common/settings.ts';
import { onStopSignal } from '../common/stop.ts';
import { readConfig } from './config.ts';
import { problems } from './errors.ts';
import { createExabgpSpeaker } from './exabgp/speaker.ts';
import { watchLease } from './lease-watch.ts';
import { whyNotReady } from './readiness.ts';
import { watchSettings } from './settings-source.ts';
import { createSidecar, type Sidecar } from './sidecar.ts';
import { createStateWriter } from './state-writer.ts';

const tickMs = 1_000;
const stuckMs = 10_000;

try {
  await main();
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env);
  const { podName, podIP, nodeIP } = config;
  const log = createLogger({ program: 'bgp-sidecar' }).child({ pod: podName });
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && process.getgid?.() === 0) throw problems.GROUP_ZERO();

  const sidecar: Sidecar = createSidecar({
    identity: { podIP, nodeIP },
    log,
    nowMs: monotonicMs,
    stateWriter: createStateWriter(config.stateFile, log),
    makeSpeaker: (events) => createExabgpSpeaker({ ...config, isRoot, log, events, nowMs: monotonicMs }),
    onEnd: () => process.exit(0),
  });
  onStopSignal(() => sidecar.onStop());

  const health = createHealth(
    {
      address: podIP,
      ownPort: config.healthPort,
      live: () => whyStuck(monotonicMs() - sidecar.lastTurnMs, stuckMs),
      ready: () => {
        if (sidecar.announces === undefined) return 'no usable settings yet';
        return sidecar.announces ? whyNotReady(sidecar.status()) : undefined;
      },
      metrics: () => sidecar.metrics.registry.metrics(),
    },
    log,
  );
  // before the first settings that can be read, too
  health.follow(usual.sidecarPort);
  setInterval(() => sidecar.tick(), tickMs);
  await watchSettings({
    file: config.settingsFile,
    identity: { podIP, nodeIP },
    onSettings(given) {
      health.follow(given.settings.health.sidecarPort);
      sidecar.onSettings(given);
    },
    onProblems: sidecar.onProblems,
    onNotes: sidecar.onNotes,
  }); // after the settings, so that a lease that lapsed long ago is measured by bgp.lastResortSeconds
  watchLease(config.leaseFile, (reading) => sidecar.onLease(reading));
}
