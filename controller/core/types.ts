/**
 * The words that the rooms of the controller pass to each other. Types only: `core` computes them,
 * `kernel`, `keepalived` and the reconcile loop carry them out.
 */
import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import type { ObjectRef } from '../../common/kubernetes/events.ts';
import type { Settings } from '../../common/settings.ts';

/** Everything that an endpoint source knows at one moment; never a delta. */
export interface Snapshot {
  /** undefined: the source is well, and has no such Service */
  service?: V1Service;
  slices: V1EndpointSlice[];
  /** monotonicMs() of a moment when this was current */
  takenAtMs: number;
  /** describeSelection() of what the source was asked for; one that knows names only leaves it out */
  selectedBy?: string;
  /** why there is no Service, where that is more than that there is none of the name */
  absence?: string;
  /** what the source has seen and passed over */
  notes?: Note[];
}

/** Settings with the Service that they have turned out to select. */
export type ServedSettings = Omit<Settings, 'service'> & { service: { namespace: string; name: string } };

export type Protocol = 'TCP' | 'UDP';

/** Something a person should be told once; the caller remembers `message` and does not repeat it. */
export interface Note {
  code: string;
  message: string;
  /** told as an Event too, beside this object; 'service': the one served */
  event?: ObjectRef | 'service';
}

/** One address of one port of the Service, conditions already resolved (nil → the API's meaning). */
export interface Endpoint {
  address: string;
  port: number;
  ready: boolean;
  serving: boolean;
  terminating: boolean;
}

/** One port of the Service with the endpoints behind it, in canonical order. */
export interface PortEndpoints {
  key: string; // 'TCP/80'
  portName?: string;
  protocol: Protocol;
  port: number;
  endpoints: Endpoint[];
}

export interface RealServer {
  address: string;
  port: number;
  weight: number;
  /** draining: weight 0 and no health check, so that flows in progress end by themselves. */
  state: 'active' | 'draining';
}

export interface VirtualService {
  key: string; // 'TCP/80'
  portName?: string;
  protocol: Protocol;
  port: number;
  mark: number;
  realServers: RealServer[];
}

/** Which port has which mark, for the life of the pod; `next` is above every mark ever given. */
export interface MarkTable {
  marks: Record<string /* key */, number>;
  next: number;
}

export interface Desired {
  virtualServices: VirtualService[];
  marks: MarkTable;
  notes: Note[];
}

/** Relative file name → text: 'ipvs.conf', 'virtual-services/tcp-80.conf'. */
export type RenderedFiles = Record<string, string>;

/** What the operator mounted or the program brought: the text, and the name that messages call it by. */
export interface TemplateSource {
  fileName: string;
  text: string;
}

/** Paths that the main file names. */
export interface RenderPaths {
  /** keepalived's lvs_notify_fifo, opened by the controller before keepalived starts. */
  notifyFifo: string;
}

/** What changed at one port; lists hold 'address:port'. */
export interface Change {
  key: string;
  port: 'added' | 'removed' | 'changed';
  added: string[];
  removed: string[];
  drained: string[];
  undrained: string[];
  reweighted: string[];
  serversNow: number; // with a weight above 0
  drainingNow: number;
}

/** How a virtual service finds the server of a connection. */
export interface Scheduling {
  scheduler: string;
  flags: readonly ServiceFlag[];
  /** absent: each connection by itself */
  persistence?: { timeoutSeconds: number /** of IPv6: the length of the prefix */; netmask: string };
}

/** One-packet scheduling, and three that each scheduler gives a meaning of its own (ipvsadm -b, keepalived's names). */
export type ServiceFlag = 'ops' | 'flag-1' | 'flag-2' | 'flag-3';

/** A virtual service and its servers as the kernel should hold them. */
export interface WantedService extends Scheduling {
  mark: number;
  realServers: WantedDestination[];
}

export interface WantedDestination {
  address: string;
  port: number;
  weight: number;
  upperThreshold: number;
  lowerThreshold: number;
  /** keepalived's inhibit_on_failure: a failed check sets weight 0 where it would else remove the server. */
  inhibitOnFailure: boolean;
}

export interface IpvsService extends Scheduling {
  family: 4 | 6;
  mark?: number;
  protocol?: Protocol | number;
  address?: string;
  port?: number;
  /** Since the service was made; not compared. */
  packetsIn?: number;
  destinations: IpvsDestination[];
}

export interface IpvsDestination {
  address: string;
  port: number;
  weight: number;
  method: 'masq' | 'tunnel' | 'route' | 'local';
  upperThreshold: number;
  lowerThreshold: number;
  activeConnections: number;
  inactiveConnections: number;
}

/** One entry of IPVS that differs; carried out one by one by generic netlink. */
export type KernelDifference =
  | { kind: 'add-service'; service: IpvsService; why: string }
  | { kind: 'set-service'; service: IpvsService; why: string }
  | { kind: 'delete-service'; service: IpvsService; why: string }
  | { kind: 'add-destination'; service: IpvsService; destination: IpvsDestination; why: string }
  | { kind: 'set-destination'; service: IpvsService; destination: IpvsDestination; why: string }
  | { kind: 'delete-destination'; service: IpvsService; destination: IpvsDestination; why: string };
