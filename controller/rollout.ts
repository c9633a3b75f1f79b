/**
 * rollout: brings one configuration and the newest snapshot into keepalived and the kernel.
 *
 * The order at a change: keepalived checks the new files, the mark rules of ports that go are taken away, then
 * keepalived is told, the kernel is verified, and only then do new ports get their mark rules: no packet is
 * marked for a virtual service that is not there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../common/log.ts';
import type { Applier } from './apply.ts';
import type { Configuration } from './configuration.ts';
import { describeChange } from './core/difference.ts';
import type { Note, VirtualService } from './core/types.ts';
import { problems } from './errors.ts';
import type { KernelStep } from './kernel-step.ts';
import type { Metrics } from './metrics.ts';
import type { NetworkStep } from './network-step.ts';
import type { Plan, Planner } from './plan.ts';
import { createTeller, reportReload, type StepDurations } from './report.ts';
import type { ServiceWatch } from './service-watch.ts';

/** keepalived's time to bring one change into the kernel; differences that grow fewer extend it. */
const patienceMs = 1000;
/** keepalived says nothing of how far it is: a long list gets longer. */
const patiencePerServerMs = 1;
/** At the start the packet rules are made once, with the Service's ports: those of a Service that is not there have none. */
const firstSnapshotMs = 900;
/**
 * What keepalived reloads is looked at when it says that it is done: each look at hundreds of servers takes as much
 * of the processor as keepalived's own work. One that says nothing, stuck or slow, is waited for no longer than this.
 */
const longestUnseenMs = 250;
/** When keepalived has nothing to do, or is not there, nobody else will mend a difference. */
const patienceAloneMs = 200;

export interface RolloutParts {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** What the kernel or the pod's identity has against a configuration. */
  readonly accept: (configuration: Configuration) => Promise<readonly Error[]>;
  /** What the kernel has against a plan: a template may ask for a scheduler of its own. */
  readonly acceptPlan: (plan: Plan) => Promise<readonly Error[]>;
  /** A configuration is in force from now on: only then are the endpoints followed that it names. */
  readonly onAccepted: (configuration: Configuration) => void;
  /** A reload is over. */
  readonly onReloaded: () => void;
  readonly serviceWatch: ServiceWatch;
  readonly planner: Planner;
  readonly applier: Applier;
  readonly kernel: KernelStep;
  readonly network: NetworkStep;
  readonly keepalived: { readonly alive: boolean };
  /** Where there is one, packet rules are left as they are until the first plan is there. */
  readonly inheritance: object | undefined;
}

export interface Rollout {
  /** Returns what stood against it, and then nothing has changed. */
  carryOut(configuration: Configuration): Promise<readonly Error[]>;
  /** What was carried out last. */
  readonly plan: Plan | undefined;
  /** The Service whose mark rules have been made once: without them a verified virtual service gets no packet. */
  readonly served: string | undefined;
  /** What is to be told of the plan in force. */
  readonly notes: readonly Note[];
}

export function createRollout(parts: RolloutParts): Rollout {
  const { log, metrics, nowMs, planner, applier, kernel, network, keepalived, serviceWatch } = parts;
  let plan: Plan | undefined;
  let served: string | undefined;
  let notes: readonly Note[] = [];
  let awaitedSinceMs: number | undefined;
  const tellNotes = createTeller((text) => log.warn('endpoints', {}, text));
  const nameOf = ({ settings }: Configuration) => serviceWatch.nameOf(settings.service);

  async function carryOut(configuration: Configuration): Promise<readonly Error[]> {
    const startedAtMs = nowMs();
    const { unmatched, prefixes } = configuration.settings.vip;
    const against = await parts.accept(configuration);
    if (against.length > 0) return against;
    const snapshot = serviceWatch.snapshot(configuration.settings.service);
    const asked = nameOf(configuration);
    if (served !== undefined && served !== asked) return [problems.SERVICE_CHANGED(served, asked)];
    if (!snapshot) {
      parts.onAccepted(configuration);
      awaitedSinceMs ??= nowMs();
      const isLate = nowMs() - awaitedSinceMs >= firstSnapshotMs;
      if (isLate && !parts.inheritance) await network.ensure(prefixes, [], unmatched);
      return [];
    }
    const next = await planner.plan(configuration, snapshot, nowMs());
    if ('refused' in next) return next.refused;
    const againstPlan = await parts.acceptPlan(next);
    if (againstPlan.length > 0) return againstPlan;
    notes = [...(snapshot.notes ?? []), ...next.notes];
    tellNotes(notes.map(({ message }) => message));
    const renderMs = nowMs() - startedAtMs;
    const prepared = await applier.prepare(next.files);
    if (prepared.kind === 'refused') return [prepared.problem];
    if (prepared.kind === 'unchanged') {
      await hold(configuration, next, patienceAloneMs);
      return [];
    }
    const before = plan?.virtualServices ?? [];
    const staying = before.filter((old) => next.virtualServices.some(({ key }) => key === old.key));
    if (staying.length < before.length) await network.ensure(next.keptPrefixes, staying, unmatched);
    const committingAtMs = nowMs();
    let reloaded: Promise<unknown>;
    try {
      ({ reloaded } = await prepared.commit(next.wanted));
    } catch (problem) {
      return [problem as Error];
    }
    const writeMs = nowMs() - committingAtMs;
    const servers = next.wanted.reduce((sum, { realServers }) => sum + realServers.length, 0);
    const patience = keepalived.alive ? patienceMs + servers * patiencePerServerMs : patienceAloneMs;
    const held = await hold(configuration, next, patience, reloaded);
    const took = { renderMs, testMs: prepared.testMs, writeMs, ...held };
    report(nameOf(configuration), before, next, { ...took, totalMs: nowMs() - startedAtMs });
    return [];
  }

  /** Sees to it that the kernel holds the plan: IPVS first, then the rules that send packets to it. */
  async function hold(
    configuration: Configuration,
    next: Plan,
    patience: number,
    reloaded?: Promise<unknown>,
  ) {
    await planner.keep(next);
    plan = next;
    const awaitingAtMs = nowMs();
    if (reloaded && keepalived.alive)
      await Promise.race([reloaded, sleep(longestUnseenMs, undefined, { ref: false })]);
    await kernel.hold(nameOf(configuration), next.wanted, patience);
    const rulesAtMs = nowMs();
    const kernelMs = rulesAtMs - awaitingAtMs;
    const { unmatched } = configuration.settings.vip;
    if (!kernel.fault()) {
      await network.ensure(next.keptPrefixes, next.virtualServices, unmatched);
      served = nameOf(configuration);
    }
    return { kernelMs, rulesMs: nowMs() - rulesAtMs };
  }

  function report(service: string, before: readonly VirtualService[], next: Plan, took: StepDurations) {
    parts.onReloaded();
    metrics.reloads.inc({ outcome: 'applied' });
    for (const [step, ms] of Object.entries(took))
      metrics.reloadSeconds.observe({ step: step.replace(/Ms$/, '') }, ms / 1000);
    reportReload(log, service, describeChange(before, next.virtualServices), took);
  }

  return {
    carryOut,
    get plan() {
      return plan;
    },
    get served() {
      return served;
    },
    get notes() {
      return notes;
    },
  };
}
