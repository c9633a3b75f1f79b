/** Makes the parts of the controller and ties them together; nothing here decides anything. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { contains, parsePrefix } from '../common/cidr.ts';
import { monotonicMs } from '../common/clock.ts';
import { collectAtRest } from '../common/collect-at-rest.ts';
import { readLease } from '../common/lease.ts';
import type { Logger } from '../common/log.ts';
import { openedOnce } from '../common/opened-once.ts';
import { sandboxName } from '../common/sandbox.ts';
import { isCurrent, readSpeakerState, type SpeakerState } from '../common/speaker-state.ts';
import { createApplier } from './apply.ts';
import type { Config } from './config.ts';
import type { Configuration } from './configuration.ts';
import type { Traffic } from './drain.ts';
import { problems } from './errors.ts';
import { createInheritance } from './inheritance.ts';
import { openKeepalivedFiles } from './keepalived/files.ts';
import { superviseKeepalived } from './keepalived/process.ts';
import { type Ipvs, openIpvs } from './kernel/ipvs.ts';
import { openPodNetwork } from './kernel/network.ts';
import { createKernelStep } from './kernel-step.ts';
import { createLeaseKeeper } from './lease-keeper.ts';
import { createLeaseRenewal } from './lease-renewal.ts';
import { readMarks, writeMarks } from './marks.ts';
import type { Metrics } from './metrics.ts';
import { createNetworkStep } from './network-step.ts';
import { createPlanner } from './plan.ts';
import { createReconciler, type Reconciler } from './reconcile.ts';
import { createSchedulerProbe } from './scheduler-probe.ts';
import { createServiceWatch } from './service-watch.ts';
import { createVerifier } from './verify.ts';

/** After the last reload. */
const restMs = 10_000;

export interface Parts {
  readonly reconciler: Reconciler;
  /** The kernel has rules of a controller before this one. */
  readonly inherits: boolean;
  readonly keepalived: ReturnType<typeof superviseKeepalived>;
  readonly ipvs: () => Promise<Ipvs>;
  readonly speakerState: () => Promise<SpeakerState | undefined>;
  readonly traffic: () => Promise<Traffic>;
}

export interface PartsHandlers {
  /** keepalived died, or a check took a server out or put it back. */
  onChange(): void;
  onAccepted(configuration: Configuration): void;
}

export async function makeParts(
  config: Config,
  log: Logger,
  metrics: Metrics,
  { onChange, onAccepted }: PartsHandlers,
): Promise<Parts> {
  await mkdir(config.runDirectory, { recursive: true });
  await mkdir(config.sharedDirectory, { recursive: true }).catch((error: Error) =>
    log.error('start', {}, problems.SHARED_DIRECTORY(config.sharedDirectory, error.message).message),
  );
  const nowMs = monotonicMs;
  const ipvs = openedOnce(openIpvs);
  const probeScheduler = createSchedulerProbe(ipvs);
  const notifyFifo = join(config.runDirectory, 'notify.fifo');
  const files = openKeepalivedFiles(config.runDirectory);
  const keepalived = superviseKeepalived({
    configFile: files.configFile,
    fifo: notifyFifo,
    log,
    nowMs,
    onExit: onChange,
    onCheck: onChange,
  });
  const speakerState = async () => {
    const read = await readSpeakerState(config.speakerStateFile);
    return read.state === 'read' && isCurrent(read.speaker, nowMs()) ? read.speaker : undefined;
  };
  /** undefined: it cannot be read (now); who lacks what is told when it is needed. */
  const held = await ipvs()
    .then((opened) => opened.services())
    .catch(() => undefined);
  const sandbox = sandboxName();
  const kernel = createKernelStep({
    verifier: createVerifier({ ipvs, checkedOut: () => keepalived.checkedOut(), nowMs }),
    log,
    metrics,
  });
  const leaseRenewal = createLeaseRenewal({
    podName: config.podName,
    log,
    metrics,
    kernel,
    leaseKeeper: createLeaseKeeper({ file: config.leaseFile, log, nowMs, sandbox }),
    keepalived,
  });
  const inherits = held?.some(({ mark }) => mark !== undefined) ?? true;
  const left = inherits ? await readLease(config.leaseFile, sandbox) : undefined;
  const lease = left?.state === 'read' ? left.lease : undefined;
  const paths = { notifyFifo };
  const reconciler = createReconciler({
    log,
    metrics,
    nowMs,
    accept: createAccept(config, probeScheduler),
    acceptPlan: async ({ wanted }) => {
      const against: Error[] = [];
      // one after the other: all of them are tried with one and the same mark
      for (const scheduler of new Set(wanted.map((service) => service.scheduler)))
        await probeScheduler(scheduler).catch((problem: Error) => against.push(problem));
      return against;
    },
    onAccepted,
    onReloaded: collectAtRest(restMs),
    planner: createPlanner({
      marks: await readMarks(config.marksFile, held ?? []),
      notifyFifo,
      announced: async () => announcedPrefixes(await speakerState()),
      saveMarks: (marks) =>
        writeMarks(config.marksFile, marks).catch((problem: Error) =>
          log.error('marks', {}, problem.message),
        ),
    }),
    applier: createApplier({ files, keepalived, nowMs }),
    serviceWatch: createServiceWatch(log, nowMs),
    kernel,
    network: createNetworkStep({
      interface: config.interface,
      keeper: openedOnce(() => openPodNetwork({ log })),
      log,
      metrics,
      nowMs,
    }),
    leaseRenewal,
    keepalived,
    inheritance: inherits
      ? createInheritance({ log, nowMs, files, paths, lease, keepalived, kernel, leaseRenewal })
      : undefined,
  });
  return { reconciler, inherits, keepalived, ipvs, speakerState, traffic: () => countTraffic(ipvs) };
}

/** What stands against a configuration in this pod: its identity, its kernel. */
function createAccept(config: Config, probeScheduler: (scheduler: string) => Promise<void>) {
  return async ({ settings }: Configuration): Promise<readonly Error[]> => {
    for (const text of settings.vip.prefixes) {
      const prefix = parsePrefix(text);
      if (typeof prefix !== 'string' && contains(prefix, config.podIP))
        return [problems.POD_IP_IN_PREFIX(config.podIP, text)];
    }
    try {
      await probeScheduler(settings.scheduler);
    } catch (problem) {
      return [problem as Error];
    }
    return [];
  };
}

function announcedPrefixes(state: SpeakerState | undefined): ReadonlySet<string> | undefined {
  if (!state) return undefined;
  const held = Object.entries(state.prefixes).filter(([, kind]) => kind !== 'withdrawn');
  return new Set(held.map(([prefix]) => prefix));
}

async function countTraffic(ipvs: () => Promise<Ipvs>): Promise<Traffic> {
  const opened = await ipvs();
  let packets = 0;
  for (const { counters } of await opened.counters()) packets += Number(counters.inPackets);
  let activeConnections = 0;
  for (const { destinations } of await opened.services())
    for (const server of destinations) activeConnections += server.activeConnections;
  return { packets, activeConnections };
}
