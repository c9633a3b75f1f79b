import type { NodeRole, ProcessRole, Role } from '../api.ts';
import type { LinkUsage } from '../network/links.ts';
import type { ServiceRole } from './service-api.ts';

export interface LbPodOptions {
  service: ServiceRole;
  /** Default: the node with the fewest LB pods. */
  node?: NodeRole;
  /** Laid over the service's settings for this pod alone. */
  settings?: Record<string, unknown>;
  /** Sysctls of the pod (securityContext.sysctls) laid over the usual ones; null leaves one unset. */
  sysctls?: Record<string, string | number | null>;
  /** Capabilities of the controller; default NET_ADMIN, and NET_RAW where the kernel has no nf_tables. */
  controllerCapabilities?: string[];
  /** Secret files beside the settings, `{ 'bgp-password': '…' }`. */
  secrets?: Record<string, string>;
}

/** A container under crun: own PID and mount namespace, own uid and capabilities; restarted with back-off when it ends. */
export interface ContainerRole extends ProcessRole {
  /** Times it was started again. */
  readonly restarts: number;
  /** Its exit codes so far (128 + signal). */
  readonly exits: number[];
  /** SIGKILL of the first process, which ends all of the container; started again after a pause unless `after` is 'dead'. */
  kill(options?: { after?: 'restart' | 'dead' }): Promise<void>;
  /** No restart any more (until `revive`). */
  keepDead(): void;
  /** Restarts are allowed again, the first at once. */
  revive(): void;
  /** pids (as the lab sees them) of processes in the container whose command line matches. */
  pids(pattern: RegExp): number[];
  /** Runs a command inside the container: its mounts, processes and network, as root. */
  exec(command: string[], options?: { timeoutMs?: number }): Promise<string>;
}

export interface LbPod extends Role {
  readonly service: ServiceRole;
  readonly node: NodeRole;
  readonly controller: ContainerRole;
  readonly sidecar: ContainerRole;
  readonly state: 'running' | 'terminating' | 'gone';
  /** The directory both containers share (/run/portable-lb in them): lease, marks, speaker's state. */
  readonly sharedDir: string;
  /** When the containers were started. */
  readonly startedAtMs: number;
  /** Until both containers' /readyz answer 200, as the kubelet's probe (every 200 ms) sees it. */
  ready(deadlineMs?: number): Promise<void>;
  readonly isReady: boolean;
  /** As a kubelet stops a pod: deletionTimestamp in its manifest, SIGTERM to both containers, SIGKILL after the grace period, then all of it is removed. Gives the exit codes. */
  terminate(options?: {
    graceSeconds?: number;
  }): Promise<{ controller: number; sidecar: number; durationMs: number }>;
  /** SIGKILL of the whole pod. `link: 'gone'` (default): its link vanishes first, so that no goodbye reaches a BGP peer; 'stays': the kernel closes its sockets. The pod's manifest is deleted. */
  kill(options?: { link?: 'gone' | 'stays' }): Promise<void>;
  /** `ipvsadm -L -n` in the pod. */
  ipvs(): Promise<string>;
  /** The lease and the speaker's state as they are in the shared directory; undefined when absent or torn. */
  lease(): Record<string, unknown> | undefined;
  speakerState(): Record<string, unknown> | undefined;
  /** GET of a health port by the kubelet's way: /readyz, /livez, /metrics. */
  health(container: 'controller' | 'sidecar', path: string): Promise<{ status: number; body: string }>;
  /** One metric's value (sum over its labels when `labels` is not given); undefined when absent. */
  metric(
    container: 'controller' | 'sidecar',
    name: string,
    labels?: Record<string, string>,
  ): Promise<number | undefined>;
  updateSettings(change: Record<string, unknown>): Promise<void>;
  /** Replaces its settings file by this text as it is, until the next updateSettings: for bad input. */
  writeSettingsText(text: string): Promise<void>;
  /** Both ends of the link by tbf: rate as tc takes it ('2mbit'); offloads off. */
  limitLink(rate: string): Promise<void>;
  unlimitLink(): Promise<void>;
  /** What passed its link since it was made, also as bytes on a wire: so what one request really cost can be told. */
  linkUsage(): LinkUsage;
  /** The link to the node: down = cut without a word. */
  setLink(state: 'up' | 'down'): Promise<void>;
}
