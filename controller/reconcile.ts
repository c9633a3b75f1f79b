/**
 * One turn of the loop: newest input → plan → apply → verify → network → lease. Every failure is an outcome
 * that is told and tried again; what runs keeps running.
 *
 * The order at a change: keepalived checks the new files, the mark rules of ports that go are taken away, then
 * keepalived is told, the kernel is verified, and only then do new ports get their mark rules: no packet is
 * marked for a virtual service that is not there.
 */
import type { Logger } from '../common/log.ts';
import type { Settings } from '../common/settings.ts';
import type { Applier } from './apply.ts';
import { describeChange } from './core/difference.ts';
import type { Templates } from './core/render.ts';
import type { Snapshot, VirtualService } from './core/types.ts';
import type { KernelStep } from './kernel-step.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { Metrics } from './metrics.ts';
import type { NetworkStep } from './network-step.ts';
import type { Plan, Planner } from './plan.ts';
import {
  activeOf,
  countServers,
  createTeller,
  reportChecks,
  reportReload,
  type StepDurations,
} from './report.ts';
import type { ServiceWatch } from './service-watch.ts';

/** keepalived's time to bring one change into the kernel; differences that grow fewer extend it. */
const patienceMs = 1000;
/** keepalived says nothing of how far it is: a long list gets longer. */
const patiencePerServerMs = 1;
/** When keepalived has nothing to do, or is not there, nobody else will mend a difference. */
const patienceAloneMs = 200;
/** A configuration that was refused is tried again: a full disk or a missing module may be mended outside. */
const retryRefusedMs = 5000;

/** What the operator gives: settings and templates, taken up together or not at all. */
export interface Configuration {
  readonly settings: Settings;
  readonly templates: Templates;
}

export interface ReconcilerParts {
  readonly podName: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** What the kernel or the pod's identity has against a configuration; `serves`: the Service that has its rules here. */
  readonly accept: (configuration: Configuration, serves: string | undefined) => Promise<readonly Error[]>;
  /** What the kernel has against a plan: a template may ask for a scheduler of its own. */
  readonly acceptPlan: (plan: Plan) => Promise<readonly Error[]>;
  /** A configuration is in force from now on: only then are the endpoints followed that it names. */
  readonly onAccepted: (configuration: Configuration) => void;
  readonly serviceWatch: ServiceWatch;
  readonly planner: Planner;
  readonly applier: Applier;
  readonly kernel: KernelStep;
  readonly network: NetworkStep;
  readonly leaseKeeper: LeaseKeeper;
  readonly keepalived: { readonly alive: boolean; checkedOut(): ReadonlySet<string> };
  /**
   * The kernel has rules of a controller before this one (a crash): they carry traffic and their lease is valid,
   * so both are left as they are until the first plan is there to replace them.
   */
  readonly inheritsRules: boolean;
}

export interface Reconciler {
  offerConfiguration(configuration: Configuration): void;
  offerSnapshot(snapshot: Snapshot): void;
  /** From the next turn on the lease says no; rules are still followed. */
  beginStop(): void;
  turn(): Promise<void>;
  /** Why the LB pod is not ready; undefined while the kernel holds what is wanted. */
  notReady(): string | undefined;
  readonly settings: Settings | undefined;
}

export function createReconciler(parts: ReconcilerParts): Reconciler {
  const { log, metrics, nowMs, planner, applier, kernel, network, keepalived, serviceWatch } = parts;
  let candidate: Configuration | undefined;
  let retryAtMs = 0;
  let accepted: Configuration | undefined;
  let stopping = false;
  let plan: Plan | undefined;
  /** The Service whose mark rules have been made once: without them a verified virtual service gets no packet. */
  let served: string | undefined;
  let checkedOut: ReadonlySet<string> = new Set();
  const tellProblems = createTeller((text) => log.error('refused', {}, text));
  const tellNotes = createTeller((text) => log.warn('endpoints', {}, text));
  const nameOf = ({ settings }: Configuration) => `${settings.service.namespace}/${settings.service.name}`;

  /** Brings one configuration into the kernel; returns what stood against it, and then nothing has changed. */
  async function carryOut(configuration: Configuration): Promise<readonly Error[]> {
    const startedAtMs = nowMs();
    const { unmatched, prefixes } = configuration.settings.vip;
    const against = await parts.accept(configuration, served);
    if (against.length > 0) return against;
    const snapshot = serviceWatch.snapshot(configuration.settings.service);
    if (!snapshot) {
      parts.onAccepted(configuration);
      if (!parts.inheritsRules) await network.ensure(prefixes, [], unmatched);
      return [];
    }
    const next = await planner.plan(configuration, snapshot, nowMs());
    if ('refused' in next) return next.refused;
    const againstPlan = await parts.acceptPlan(next);
    if (againstPlan.length > 0) return againstPlan;
    tellNotes(next.notes.map((note) => note.message));
    const renderMs = nowMs() - startedAtMs;
    const prepared = await applier.prepare(next.files);
    if (prepared.kind === 'refused') {
      metrics.reloads.inc({ outcome: 'refused' });
      return [prepared.problem];
    }
    if (prepared.kind === 'unchanged') {
      await hold(configuration, next, patienceAloneMs);
      return [];
    }
    const before = plan?.virtualServices ?? [];
    const staying = before.filter((old) => next.virtualServices.some(({ key }) => key === old.key));
    if (staying.length < before.length) await network.ensure(next.keptPrefixes, staying, unmatched);
    const committingAtMs = nowMs();
    try {
      await prepared.commit(next.wanted);
    } catch (problem) {
      return [problem as Error];
    }
    const writeMs = nowMs() - committingAtMs;
    const servers = next.wanted.reduce((sum, { realServers }) => sum + realServers.length, 0);
    const patience = keepalived.alive ? patienceMs + servers * patiencePerServerMs : patienceAloneMs;
    const held = await hold(configuration, next, patience);
    const took = { renderMs, testMs: prepared.testMs, writeMs, ...held };
    report(nameOf(configuration), before, next, { ...took, totalMs: nowMs() - startedAtMs });
    return [];
  }

  /** Sees to it that the kernel holds the plan: IPVS first, then the rules that send packets to it. */
  async function hold(configuration: Configuration, next: Plan, patience: number) {
    await planner.keep(next);
    plan = next;
    const kernelMs = await kernel.hold(nameOf(configuration), next.wanted, patience);
    const rulesAtMs = nowMs();
    const { unmatched } = configuration.settings.vip;
    if (!kernel.fault()) {
      await network.ensure(next.keptPrefixes, next.virtualServices, unmatched);
      served = nameOf(configuration);
    }
    return { kernelMs, rulesMs: nowMs() - rulesAtMs };
  }

  function report(service: string, before: readonly VirtualService[], next: Plan, took: StepDurations) {
    metrics.reloads.inc({ outcome: 'applied' });
    for (const [step, ms] of Object.entries(took))
      metrics.reloadSeconds.observe({ step: step.replace(/Ms$/, '') }, ms / 1000);
    reportReload(log, service, describeChange(before, next.virtualServices), took);
  }

  async function renewLease(configuration: Configuration) {
    if (!plan && parts.inheritsRules && !stopping) return;
    const virtualServices = plan?.virtualServices ?? [];
    const out = activeOf(virtualServices, keepalived.checkedOut());
    const before = activeOf(virtualServices, checkedOut);
    reportChecks(log, nameOf(configuration), { before, now: out, ports: virtualServices });
    checkedOut = out;
    const { wanted, live } = countServers(virtualServices, keepalived.checkedOut());
    metrics.realServersWanted.set(wanted);
    metrics.realServersLive.set(live);
    const reachable = network.reachable();
    const { seconds, holdDownSeconds } = configuration.settings.lease;
    const { announce } = await parts.leaseKeeper.renew(
      { pod: parts.podName, service: nameOf(configuration), lengthMs: seconds * 1000 },
      {
        holdDownMs: holdDownSeconds * 1000,
        snapshotSeen: plan !== undefined,
        networkFault: network.fault(),
        kernelFault: kernel.fault(),
        liveServers: live,
        prefixes: (plan?.announcePrefixes ?? []).filter((prefix) => reachable.includes(prefix)),
        stopping,
      },
    );
    metrics.leaseSaysYes.set(announce ? 1 : 0);
  }

  /** Tries what is offered; what was accepted before stays in force until then. */
  async function takeUp(): Promise<void> {
    const offered = nowMs() >= retryAtMs ? candidate : undefined;
    const against = offered ? await carryOut(offered) : [];
    if (offered) tellProblems(against.map((problem) => problem.message));
    if (offered && against.length === 0) {
      accepted = offered;
      parts.onAccepted(offered);
      if (candidate === offered) candidate = undefined;
      return;
    }
    retryAtMs = offered && accepted ? nowMs() + retryRefusedMs : retryAtMs;
    if (!accepted) return;
    const refused = await carryOut(accepted);
    if (!candidate) tellProblems(refused.map((problem) => problem.message));
  }

  return {
    offerConfiguration(configuration) {
      candidate = configuration;
      retryAtMs = 0;
    },
    offerSnapshot: (snapshot) => serviceWatch.offer(snapshot),
    beginStop() {
      stopping = true;
    },
    async turn() {
      await takeUp();
      const inForce = accepted ?? candidate;
      if (!inForce) return;
      serviceWatch.remind(nameOf(inForce));
      await renewLease(inForce);
    },
    notReady: () =>
      kernel.fault() ??
      network.fault() ??
      (served === undefined ? 'the packet rules are not made yet' : undefined),
    get settings() {
      return accepted?.settings;
    },
  };
}
