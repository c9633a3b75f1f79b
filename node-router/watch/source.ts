import type { V1Pod } from '@kubernetes/client-node';

/** Everything that a source of pods knows at one moment; never a delta. */
export interface PodSnapshot {
  readonly pods: readonly V1Pod[];
  /** ms of the monotonic clock */
  readonly takenAtMs: number;
}

export interface PodHandlers {
  onSnapshot(snapshot: PodSnapshot): void;
  /**
   * Something could not be read; the last snapshot stays. Told once as long as it lasts. undefined: a source that
   * could not be read at all is well again.
   */
  onFailure(problem: { code: string; message: string } | undefined): void;
}

/** Files, or the Kubernetes API. A source gives nothing before it knows all: routes of pods unseen are kept. */
export interface PodSource {
  /** When the API server last confirmed the snapshot, by the monotonic clock; files need nobody's word. */
  readonly confirmedAtMs?: number | undefined;
  close(): Promise<void>;
}
