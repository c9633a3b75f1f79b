import type { EndpointSliceManifest, ServiceManifest } from '../../common/manifests.ts';
import type { Problem } from '../../common/problem.ts';

/** The one Service and all its EndpointSlices, whole: never a difference. */
export interface WatchedEndpoints {
  /** undefined: the source is well, and has no such Service */
  service?: ServiceManifest;
  slices: EndpointSliceManifest[];
  /** monotonicMs() of the moment before the source was read */
  takenAtMs: number;
}

/**
 * Where endpoints come from. A source that fails keeps quiet about endpoints (the last snapshot stands), tells each
 * failure once, and tries on until it is stopped.
 */
export interface EndpointSource {
  start(
    onSnapshot: (snapshot: WatchedEndpoints) => void,
    onFailure: (problem: Problem) => void,
  ): Promise<void>;
  stop(): Promise<void>;
}
