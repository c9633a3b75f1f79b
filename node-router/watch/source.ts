import type { V1Pod } from '@kubernetes/client-node';

/** Everything that a source of pods knows at one moment; never a delta. */
export interface PodSnapshot {
  readonly pods: readonly V1Pod[];
  /** ms of the monotonic clock */
  readonly takenAtMs: number;
}

export interface PodHandlers {
  onSnapshot(snapshot: PodSnapshot): void;
  /** Something could not be read; the last snapshot stays. Told once as long as it lasts. */
  onFailure(problem: { code: string; message: string }): void;
}

/** Files here; the Kubernetes API later. A source gives nothing before it knows all. */
export interface PodSource {
  close(): Promise<void>;
}
