/**
 * plan: settings + snapshot → everything that one turn wants: files, kernel entries, rules, prefixes. Nothing
 * is remembered of a plan until it is kept, so that a refused configuration leaves no trace.
 */
import type { Configuration } from './configuration.ts';
import { type Departing, noneDeparting, stepDeparting } from './core/departing.ts';
import { computeDesired } from './core/desired.ts';
import { renderWanted } from './core/render.ts';
import type {
  MarkTable,
  Note,
  RenderedFiles,
  Snapshot,
  VirtualService,
  WantedService,
} from './core/types.ts';
import { servedSettings } from './selection.ts';

export interface Plan {
  /** Those that have servers, leaving ones too, in canonical order. */
  readonly virtualServices: VirtualService[];
  readonly files: RenderedFiles;
  readonly wanted: WantedService[];
  readonly announcePrefixes: readonly string[];
  /** Prefixes that have route and rules: the announced ones, and those that drain. */
  readonly keptPrefixes: readonly string[];
  readonly notes: readonly Note[];
  readonly memory: Memory;
}

/** What passes from one plan to the next. */
export interface Memory {
  readonly marks: MarkTable;
  readonly departing: Departing;
}

export interface Planner {
  plan(configuration: Configuration, snapshot: Snapshot, nowMs: number): Promise<Plan | { refused: Error[] }>;
  /** The plan is being carried out: the next one builds on it. */
  keep(plan: Plan): Promise<void>;
}

export interface PlannerParts {
  readonly marks: MarkTable;
  readonly notifyFifo: string;
  /** Prefixes that the sidecar still announces; undefined when it does not say. */
  readonly announced: () => Promise<ReadonlySet<string> | undefined>;
  readonly saveMarks: (marks: MarkTable) => Promise<void>;
}

/** How long a prefix that leaves waits for a sidecar that says nothing. */
const withdrawDeadlineMs = 3000;

export function createPlanner({ marks, notifyFifo, announced, saveMarks }: PlannerParts): Planner {
  let memory: Memory = { marks, departing: noneDeparting() };
  let kept: { plan: Plan; configuration: Configuration; snapshot: Snapshot } | undefined;
  let made = kept;

  /** With ten thousand servers a plan takes a quarter of a second, and the loop turns every second. */
  const stillKept = (configuration: Configuration, snapshot: Snapshot) => {
    const { ports, prefixes } = memory.departing;
    const still = ports.length === 0 && Object.keys(prefixes).length === 0;
    const same = kept?.configuration === configuration && kept.snapshot === snapshot;
    return still && same ? kept?.plan : undefined;
  };

  return {
    async plan(configuration, snapshot, nowMs) {
      const same = stillKept(configuration, snapshot);
      if (same) return same;
      const { templates } = configuration;
      const settings = servedSettings(configuration.settings, snapshot);
      const desired = computeDesired(settings, snapshot, memory.marks);
      if ('refused' in desired) return desired;
      const { departing, output } = stepDeparting(memory.departing, {
        nowMs,
        virtualServices: desired.virtualServices,
        prefixes: settings.vip.prefixes,
        announced: await announced(),
        withdrawDeadlineMs,
        drainMs: settings.drain.seconds * 1000,
      });
      // keepalived ignores a virtual server without real servers; a port without servers is refused like any
      // port that is not the Service's
      const virtualServices = output.virtualServices.filter(({ realServers }) => realServers.length > 0);
      try {
        const plan: Plan = {
          virtualServices,
          // `wanted` is what the text says, so that a template may choose scheduler and thresholds
          ...renderWanted(templates, settings, virtualServices, { notifyFifo }),
          announcePrefixes: output.announcePrefixes,
          keptPrefixes: output.keptPrefixes,
          notes: desired.notes,
          memory: { marks: desired.marks, departing },
        };
        made = { plan, configuration, snapshot };
        return plan;
      } catch (problem) {
        return { refused: [problem as Error] };
      }
    },
    async keep(plan) {
      const changed = plan.memory.marks.next !== memory.marks.next;
      memory = plan.memory;
      if (made?.plan === plan) kept = made;
      if (changed) await saveMarks(memory.marks);
    },
  };
}
