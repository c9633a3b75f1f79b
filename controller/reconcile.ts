/**
 * One turn of the loop: newest input → plan → apply → verify → network → lease. Every failure is an outcome
 * that is told and tried again; what runs keeps running.
 */
import { type Settings, usual } from '../common/settings.ts';
import type { Configuration } from './configuration.ts';
import type { Note, Snapshot } from './core/types.ts';
import type { Inheritance } from './inheritance.ts';
import type { LeaseDecision } from './lease.ts';
import type { LeaseRenewal } from './lease-renewal.ts';
import type { Metrics } from './metrics.ts';
import { createTeller } from './report.ts';
import { createRollout, type RolloutParts } from './rollout.ts';

/** A configuration that was refused is tried again: a full disk or a missing module may be mended outside. */
const retryRefusedMs = 5000;

export interface ReconcilerParts extends RolloutParts {
  readonly metrics: Metrics;
  readonly leaseRenewal: LeaseRenewal;
  /**
   * The kernel has rules of a controller before this one (a crash): they carry traffic and their lease is valid,
   * so both are left as they are until the first plan is there to replace them, and tended if that takes long.
   */
  readonly inheritance: Inheritance | undefined;
}

export interface Reconciler {
  offerConfiguration(configuration: Configuration): void;
  offerSnapshot(snapshot: Snapshot): void;
  /** From the next turn on the lease says no; rules are still followed. */
  beginStop(): void;
  turn(): Promise<void>;
  /** Why the LB pod is not ready; undefined while the kernel holds what is wanted. */
  notReady(): string | undefined;
  /** in force */
  readonly settings: Settings | undefined;
  /** or, where none are in force, those that are refused */
  readonly newestSettings: Settings | undefined;
  readonly state: ReconcilerState;
}

/** What the turn before came to, for whoever tells it to others. */
export interface ReconcilerState {
  /** the newest snapshot that has the Service */
  readonly snapshot: Snapshot | undefined;
  readonly lease: LeaseDecision | undefined;
  readonly notes: readonly Note[];
  /** what stands against the newest configuration or snapshot; empty: all of it is in force */
  readonly refused: readonly string[];
  /** the Service is not there (any more) */
  readonly absence: string | undefined;
}

export function createReconciler(parts: ReconcilerParts): Reconciler {
  const { log, nowMs, kernel, network, serviceWatch } = parts;
  let candidate: Configuration | undefined;
  let retryAtMs = 0;
  let accepted: Configuration | undefined;
  let stopping = false;
  let refused: readonly string[] = [];
  let lease: LeaseDecision | undefined;
  const rollout = createRollout(parts);
  const tell = createTeller((text) => log.error('refused', {}, text));

  function tellRefused(against: readonly Error[]): void {
    const before = refused.join();
    refused = against.map(({ message }) => message);
    if (refused.length > 0 && refused.join() !== before) parts.metrics.reloads.inc({ outcome: 'refused' });
    tell(refused);
  }

  /** Tries what is offered; what was accepted before stays in force until then. */
  async function takeUp(): Promise<void> {
    const offered = nowMs() >= retryAtMs ? candidate : undefined;
    const against = offered ? await rollout.carryOut(offered) : [];
    if (offered) tellRefused(against);
    if (offered && against.length === 0) {
      accepted = offered;
      parts.onAccepted(offered);
      if (candidate === offered) candidate = undefined;
      return;
    }
    retryAtMs = offered && accepted ? nowMs() + retryRefusedMs : retryAtMs;
    if (!accepted) return;
    const stale = await rollout.carryOut(accepted);
    if (!candidate) tellRefused(stale);
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
      const { plan } = rollout;
      if (inForce) serviceWatch.remind(inForce.settings.service);
      if (!plan && parts.inheritance && !stopping) {
        const { holdDownSeconds } = inForce?.settings.lease ?? usual;
        lease = (await parts.inheritance.tend(holdDownSeconds * 1000)) ?? lease;
        return;
      }
      if (!inForce) return;
      const reachable = network.reachable();
      const { lease: term, service } = inForce.settings;
      lease = await parts.leaseRenewal.renew({
        service: serviceWatch.nameOf(service),
        lengthMs: term.seconds * 1000,
        holdDownMs: term.holdDownSeconds * 1000,
        virtualServices: plan?.virtualServices ?? [],
        prefixes: (plan?.announcePrefixes ?? []).filter((prefix) => reachable.includes(prefix)),
        nothingYet: plan ? undefined : (refused[0] ?? 'the Service has not been seen yet'),
        networkFault: network.fault(),
        stopping,
      });
    },
    notReady: () =>
      kernel.fault() ??
      network.fault() ??
      (rollout.served === undefined ? 'the packet rules are not made yet' : undefined),
    get settings() {
      return accepted?.settings;
    },
    get newestSettings() {
      return (accepted ?? candidate)?.settings;
    },
    get state() {
      const selection = (accepted ?? candidate)?.settings.service;
      return {
        snapshot: selection && serviceWatch.snapshot(selection),
        lease,
        notes: rollout.notes,
        refused,
        absence: selection && serviceWatch.absence(selection),
      };
    },
  };
}
