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
import type { LeaseKeeper } from './lease-keeper.ts';
import type { Metrics } from './metrics.ts';
import type { NetworkStep } from './network-step.ts';
import type { Plan, Planner } from './plan.ts';
import {
  countServers,
  createTeller,
  reportChecks,
  reportReload,
  reportRepair,
  type StepDurations,
} from './report.ts';
import type { Verifier } from './verify.ts';

/** keepalived's time to bring one change into the kernel; differences that grow fewer extend it. */
const patienceMs = 1000;
/** When keepalived has nothing to do, or is not there, nobody else will mend a difference. */
const patienceAloneMs = 200;
/** A configuration that was refused is tried again: a full disk or a missing module may be mended outside. */
const retryRefusedMs = 5000;

/** What the operator gives: settings and templates, taken up together or not at all. */
export interface Configuration {
  readonly settings: Settings;
  readonly templates: Templates;
}

export interface Parts {
  readonly podName: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** What the kernel or the pod's identity has against a configuration. */
  readonly accept: (configuration: Configuration) => Promise<readonly Error[]>;
  readonly planner: Planner;
  readonly applier: Applier;
  readonly verifier: Verifier;
  readonly network: NetworkStep;
  readonly leaseKeeper: LeaseKeeper;
  readonly keepalived: { readonly alive: boolean; checkedOut(): ReadonlySet<string> };
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

export function createReconciler(parts: Parts): Reconciler {
  const { log, metrics, nowMs, planner, applier, verifier, network, keepalived } = parts;
  let candidate: Configuration | undefined;
  let retryAtMs = 0;
  let accepted: Configuration | undefined;
  let snapshot: Snapshot | undefined;
  let stopping = false;
  let plan: Plan | undefined;
  let kernelFault: string | undefined = 'nothing has been applied yet';
  let checkedOut: ReadonlySet<string> = new Set();
  const tellProblems = createTeller((text) => log.error('refused', {}, text));
  const tellNotes = createTeller((text) => log.warn('endpoints', {}, text));
  const tellKernel = createTeller((text) => log.error('kernel', {}, text));
  const nameOf = ({ settings }: Configuration) => `${settings.service.namespace}/${settings.service.name}`;

  /** Brings one configuration into the kernel; returns what stood against it, and then nothing has changed. */
  async function carryOut(configuration: Configuration): Promise<readonly Error[]> {
    const startedAtMs = nowMs();
    const { unmatched, prefixes } = configuration.settings.vip;
    const against = await parts.accept(configuration);
    if (against.length > 0) return against;
    if (!snapshot) {
      await network.ensure(prefixes, [], unmatched);
      return [];
    }
    const next = await planner.plan(configuration, snapshot, nowMs());
    if ('refused' in next) return next.refused;
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
    await prepared.commit(next.wanted);
    const writeMs = nowMs() - committingAtMs;
    const held = await hold(configuration, next, keepalived.alive ? patienceMs : patienceAloneMs);
    const took = { renderMs, testMs: prepared.testMs, writeMs, ...held };
    report(nameOf(configuration), before, next, { ...took, totalMs: nowMs() - startedAtMs });
    return [];
  }

  /** Sees to it that the kernel holds the plan: IPVS first, then the rules that send packets to it. */
  async function hold({ settings }: Configuration, next: Plan, patience: number) {
    await planner.keep(next);
    const verified = await verifier.verify(next.wanted, patience);
    kernelFault = verified.fault;
    tellKernel(verified.fault ? [verified.fault] : []);
    metrics.drift.inc(verified.repaired.length);
    reportRepair(log, `${settings.service.namespace}/${settings.service.name}`, verified.repaired);
    const rulesAtMs = nowMs();
    if (!verified.fault)
      await network.ensure(next.keptPrefixes, next.virtualServices, settings.vip.unmatched);
    plan = next;
    return { kernelMs: verified.tookMs, rulesMs: nowMs() - rulesAtMs };
  }

  function report(service: string, before: readonly VirtualService[], next: Plan, took: StepDurations) {
    metrics.reloads.inc({ outcome: 'applied' });
    for (const [step, ms] of Object.entries(took))
      metrics.reloadSeconds.observe({ step: step.replace(/Ms$/, '') }, ms / 1000);
    reportReload(log, service, describeChange([...before], next.virtualServices), took);
  }

  async function renewLease(configuration: Configuration) {
    const out = keepalived.checkedOut();
    reportChecks(log, nameOf(configuration), checkedOut, out);
    checkedOut = new Set(out);
    const { wanted, live } = countServers(plan?.virtualServices ?? [], checkedOut);
    metrics.realServersWanted.set(wanted);
    metrics.realServersLive.set(live);
    const reachable = network.reachable();
    const { seconds, holdDownSeconds } = configuration.settings.lease;
    const decision = await parts.leaseKeeper.renew(
      { pod: parts.podName, service: nameOf(configuration), lengthMs: seconds * 1000 },
      {
        holdDownMs: holdDownSeconds * 1000,
        snapshotSeen: plan !== undefined,
        networkFault: network.fault(),
        kernelFault,
        liveServers: live,
        prefixes: (plan?.announcePrefixes ?? []).filter((prefix) => reachable.includes(prefix)),
        stopping,
      },
    );
    metrics.kernelHolds.set(kernelFault === undefined ? 1 : 0);
    metrics.leaseSaysYes.set(decision.announce ? 1 : 0);
  }

  return {
    offerConfiguration(configuration) {
      candidate = configuration;
      retryAtMs = 0;
    },
    offerSnapshot(seen) {
      snapshot = seen;
    },
    beginStop() {
      stopping = true;
    },
    async turn() {
      const offered = nowMs() >= retryAtMs ? candidate : undefined;
      let taken = false;
      if (offered) {
        const against = await carryOut(offered);
        tellProblems(against.map((problem) => problem.message));
        taken = against.length === 0;
        if (taken) accepted = offered;
        else retryAtMs = nowMs() + (accepted ? retryRefusedMs : 0);
        if (taken && candidate === offered) candidate = undefined;
      }
      if (!taken && accepted) {
        const against = await carryOut(accepted);
        if (!candidate) tellProblems(against.map((problem) => problem.message));
      }
      const inForce = accepted ?? offered;
      if (inForce) await renewLease(inForce);
    },
    notReady: () => kernelFault ?? network.fault(),
    get settings() {
      return accepted?.settings;
    },
  };
}
