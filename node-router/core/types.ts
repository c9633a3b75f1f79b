/** The words that the rooms of the node router pass to each other. */
import type { Prefix } from '../../common/cidr.ts';

/** Something a person should be told once, as long as it lasts. */
export interface Note {
  readonly code: string;
  readonly message: string;
  /** the pods whose owners it concerns: each is told by an Event of its own */
  readonly pods?: readonly PodRef[];
}

/** Which pod an Event is about. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
}

/** `namespace/name` */
export function describePod({ namespace, name }: PodRef): string {
  return `${namespace}/${name}`;
}

/** The best first: an LB pod takes traffic, or finishes what it has, or will soon take some. */
export const podStates = ['ready', 'terminating', 'starting'] as const;
export type PodState = (typeof podStates)[number];

/** An LB pod of this node that a route may lead to. */
export interface LbPod {
  readonly ref: PodRef;
  /** the service it belongs to: `namespace/service` */
  readonly owner: string;
  readonly address: string;
  readonly state: PodState;
  /** milliseconds since 1970; Infinity where the manifest does not say */
  readonly createdAtMs: number;
  readonly prefixes: readonly Prefix[];
}

/** One VIP prefix and the addresses that it is routed via, in canonical order; never empty. */
export interface WantedRoute {
  readonly prefix: string;
  readonly owner: string;
  readonly state: PodState;
  readonly nexthops: readonly string[];
}

export type RouteType = 'unicast' | 'blackhole' | 'other';

/** A route of the main table as the kernel holds it. */
export interface KernelRoute {
  readonly prefix: string;
  /** lower is preferred; 0 is what `ip route` shows without a metric */
  readonly metric: number;
  readonly protocol: number;
  readonly type: RouteType;
  /** gateways in canonical order */
  readonly nexthops: readonly string[];
  /** false: it has weights, a source, an MTU or whatever else this program never sets */
  readonly plain: boolean;
}

export type Action =
  /** the blackhole behind the prefix's route */
  | { readonly kind: 'guard'; readonly prefix: string; readonly cause: Cause }
  | {
      readonly kind: 'set';
      readonly prefix: string;
      readonly nexthops: readonly string[];
      readonly before: readonly string[] | undefined;
      readonly cause: Cause;
    }
  | { readonly kind: 'delete'; readonly route: KernelRoute; readonly cause: Cause };

/** `pods`: what is wanted changed. `drift`: the kernel's route was not what this program had made. */
export type Cause = 'pods' | 'drift';
