/** One turn: pods → wanted routes → the kernel's routes kept so. The newest settings and pods win. */
import type { Logger } from '../common/log.ts';
import { type Backoff, nextBackoff } from './core/backoff.ts';
import { readPods } from './core/pods.ts';
import { type LbPod, type Note, podStates, type WantedRoute } from './core/types.ts';
import { computeWanted } from './core/wanted.ts';
import type { RouteKeeper } from './keeper.ts';
import type { Metrics } from './metrics.ts';
import { createTeller } from './report.ts';
import { checkSysctls } from './routes/sysctl.ts';
import type { NodeRouterSettings } from './settings.ts';
import type { PodSnapshot } from './watch/source.ts';

/** A route that something else changed, without the kernel telling us, is found after this time at the latest. */
const verifyMs = 3_000;
const sysctlsMs = 10_000;

export interface ReconcilerParts {
  readonly nodeName: string;
  readonly nodeIP: string;
  readonly sysctlDirectory: string;
  readonly keeper: RouteKeeper;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Events for those whose pods are refused */
  readonly record: (notes: readonly Note[]) => void;
  readonly nowMs: () => number;
}

export interface Reconciler {
  offerSettings(settings: NodeRouterSettings): void;
  offerPods(snapshot: PodSnapshot): void;
  /** Resolves to the milliseconds until the next turn is due. */
  turn(): Promise<number>;
  /** Why the kernel does not hold what is wanted; undefined when it does. */
  notReady(): string | undefined;
}

export function createReconciler(parts: ReconcilerParts): Reconciler {
  const { keeper, log, metrics, nowMs } = parts;
  let settings: NodeRouterSettings | undefined;
  let snapshot: PodSnapshot | undefined;
  let fresh = false;
  let holders: Map<string, string> | undefined;
  let faults: Note[] | undefined;
  let failing: Backoff | undefined;
  let sysctls: { dueAtMs: number; mode: string; notes: readonly Note[] } | undefined;
  const tell = createTeller(parts);

  async function lookAtSysctls(mode: NodeRouterSettings['setMultipathHashPolicy']): Promise<readonly Note[]> {
    if (sysctls !== undefined && sysctls.mode === mode && nowMs() < sysctls.dueAtMs) return sysctls.notes;
    const state = await checkSysctls(mode, parts.sysctlDirectory);
    if (state.changed) log.info('sysctl', {}, 'net.ipv4.fib_multipath_hash_policy set to 1');
    metrics.hashPolicy.set(state.hashPolicy);
    sysctls = { dueAtMs: nowMs() + sysctlsMs, mode, notes: state.problems };
    return sysctls.notes;
  }

  function count(pods: readonly LbPod[], wanted: readonly WantedRoute[], unreachable: number): void {
    for (const state of podStates) {
      metrics.pods.set({ state }, pods.filter((pod) => pod.state === state).length);
    }
    metrics.routes.set({ state: 'wanted' }, wanted.length);
    metrics.routes.set({ state: 'blackholed' }, keeper.blackholes);
    metrics.unusable.set(unreachable);
  }

  return {
    offerSettings(offered) {
      settings = offered;
    },
    offerPods(offered) {
      snapshot = offered;
      fresh = true;
    },
    async turn() {
      if (settings === undefined || snapshot === undefined) return verifyMs;
      const seenAtMs = fresh ? snapshot.takenAtMs : undefined;
      fresh = false;
      const { blackholeSeconds, interface: name, setMultipathHashPolicy } = settings;
      const read = readPods(snapshot.pods, {
        nodeName: parts.nodeName,
        nodeAddress: parts.nodeIP,
        allowedPrefixes: settings.allowedPrefixes,
        allowedNamespaces: settings.allowedNamespaces,
      });
      holders ??= await keeper.holders(read.pods);
      const { routes: wanted, notes } = computeWanted(read.pods, holders);
      holders = new Map(wanted.map((route) => [route.prefix, route.owner]));
      faults = await keeper.keep({ wanted, blackholeSeconds, interface: name, seenAtMs });
      failing = faults.length > 0 ? nextBackoff(failing, nowMs()) : undefined;
      const unreachable = keeper.unreachable();
      const sysctlNotes = await lookAtSysctls(setMultipathHashPolicy);
      tell([...read.notes, ...notes, ...faults, ...unreachable.told, ...sysctlNotes]);
      count(read.pods, wanted, unreachable.count);
      const dueAtMs = Math.min(keeper.nextDueAtMs(), failing?.retryAtMs ?? Number.POSITIVE_INFINITY);
      return Math.max(0, Math.min(verifyMs, dueAtMs - nowMs()));
    },
    notReady() {
      if (settings === undefined) return 'no valid settings were read yet';
      if (snapshot === undefined) return 'the pods of this node were not read yet';
      if (faults === undefined) return 'the first turn is not over yet';
      if (faults[0] !== undefined) return faults[0].message;
      const { count: missing } = keeper.unreachable();
      return missing > 0 ? `${missing} LB pods cannot be reached from this node` : undefined;
    },
  };
}
