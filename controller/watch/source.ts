import type { Problem } from '../../common/problem.ts';
import type { Snapshot } from '../core/types.ts';

/**
 * Where endpoints come from: the one Service and all its EndpointSlices, whole, never a difference. A source that
 * fails keeps quiet about endpoints (the last snapshot stands), tells each failure once, and tries on until it is
 * stopped.
 */
export interface EndpointSource {
  start(
    onSnapshot: (snapshot: Snapshot) => void,
    onFailure: (problem: Problem) => void,
    /** no failure is left; sources that tell of each part by itself never say so */
    onRecovery?: () => void,
  ): Promise<void>;
  /** monotonicMs() of the moment when the last snapshot was last known to be current; undefined: not yet */
  readonly confirmedAtMs: number | undefined;
  stop(): Promise<void>;
}
