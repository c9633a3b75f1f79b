/**
 * The lab as a test sees it: a data centre of network namespaces on one kernel, with real programs.
 * This file is the whole surface; `openLab` (lab/lab.ts) gives it. Times are milliseconds of
 * `performance.now()` unless the name says otherwise. Every `waitFor…` has a deadline and, when it
 * passes, throws an error that says what was seen last.
 */
import type { Readable } from 'node:stream';
import type { ClientRole } from './roles/client-api.ts';
import type { LbPod, LbPodOptions } from './roles/lb-pod-api.ts';
import type { ServiceOptions, ServiceRole } from './roles/service-api.ts';

export type { ClientRole, Load, LoadReport, RequestResult, WrkResult } from './roles/client-api.ts';
export type { ContainerRole, LbPod, LbPodOptions } from './roles/lb-pod-api.ts';
export type { Endpoint, ServerPod, ServiceOptions, ServicePort, ServiceRole } from './roles/service-api.ts';

export interface LabOptions {
  /** Where logs are kept (`<runDir>/logs/<role>.log`); default: .lab/runs/<time>-<run id>. */
  runDir?: string;
  /** Gets one line per thing the lab does. */
  log?: (line: string) => void;
  /** First pause before a container that ended is started again; doubles up to 300 s. A kubelet's is 10 s. */
  restartDelayMs?: number;
}

export interface Lab {
  /** Part of every name outside the lab (namespaces, directories), so that leftovers can be told apart. */
  readonly runId: string;
  readonly runDir: string;
  readonly clients: ClientRole[];
  readonly routers: RouterRole[];
  readonly reflectors: ReflectorRole[];
  readonly nodes: NodeRole[];
  readonly services: ServiceRole[];
  readonly lbPods: LbPod[];
  /** A client in 10.1.0.0/24, behind the router. */
  addClient(): Promise<ClientRole>;
  /** The router (10.0.0.254 and 10.1.0.254). One per lab. Peers with 10.0.0.251 and .252, whether they are there yet or not. */
  addRouter(options?: {
    software?: 'bird' | 'frr';
    /** Reflectors that connect to the router by themselves, by the addresses they come from (BIRD only). */
    callers?: readonly string[];
  }): Promise<RouterRole>;
  /** A route reflector: the first is 10.0.0.251, the second 10.0.0.252. */
  addReflector(options?: ReflectorOptions): Promise<ReflectorRole>;
  /** A node: eth0 on the fabric, pods behind its bridge cni0, its node router running. */
  addNode(options?: { nodeRouter?: 'runs' | 'absent' }): Promise<NodeRole>;
  /** A Kubernetes Service with its directory of manifests; servers and LB pods come after. */
  service(options: ServiceOptions): ServiceRole;
  addLbPod(options: LbPodOptions): Promise<LbPod>;
  /** client, router, two reflectors and `nodes` nodes (default 3), at once. */
  addDataCentre(options?: {
    nodes?: number;
    router?: 'bird' | 'frr';
    reflectors?: ('bird' | 'gobgp')[];
  }): Promise<{
    client: ClientRole;
    router: RouterRole;
    nodes: NodeRole[];
  }>;
  /** Every role with its addresses and processes, as `lab ls` prints it. */
  describe(): RoleDescription[];
  /** Ends every process and removes every namespace and directory but the logs. Safe to call twice. */
  close(): Promise<void>;
}

export interface RoleDescription {
  name: string;
  kind: 'client' | 'router' | 'reflector' | 'node' | 'server' | 'lb' | 'switch';
  addresses: string[];
  /** Path of the network namespace. */
  netns: string;
  /** Name of process or container → pid, 0 when it does not run, its log, and where a container's pid is found later. */
  processes: Record<string, { pid: number; logFile: string; container: boolean; pidDirectory?: string }>;
}

/** What all roles have: a namespace to look into. */
export interface Role {
  readonly name: string;
  /** The main address (client, fabric or pod). */
  readonly address: string;
  readonly netns: string;
  /** Runs a command in the role's network namespace; rejects with its output unless it exits 0. */
  exec(command: string[], options?: { input?: string; timeoutMs?: number }): Promise<string>;
  /** Sets sysctls of the namespace, `{ 'net.ipv4.ip_forward': 1 }`. */
  sysctl(values: Record<string, string | number>): Promise<void>;
  /** Starts a further program in the namespace; its output goes to `<role>.<name>.log`; it ends with the lab. */
  start(name: string, command: string[]): Promise<ProcessRole>;
}

/** A running program of a role, restarted by nobody unless it is a container. */
export interface ProcessRole {
  readonly name: string;
  /** pid as the lab sees it, 0 when it does not run. */
  readonly pid: number;
  readonly logFile: string;
  readonly stdout?: Readable;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** Exit code, or 128 + signal. */
  waitForExit(deadlineMs?: number): Promise<number>;
  /** Everything written so far. */
  logText(): string;
  /** Waits until a line written since `sinceOffset` (default: the beginning) matches; gives the line. */
  waitForLog(pattern: RegExp, options?: { deadlineMs?: number; sinceOffset?: number }): Promise<string>;
}

export interface RouteChange {
  atMs: number;
  /** Gateways in order of address; empty when there is no route. */
  nextHops: string[];
}

export interface RouterRole extends Role {
  readonly software: 'bird' | 'frr';
  /** Gateways of the prefix in the kernel's routing table now. */
  nextHops(prefix: string): string[];
  /** Every change of the prefix's next-hops since the router started, oldest first. */
  history(prefix: string): RouteChange[];
  /** Until the prefix has exactly n next-hops, or exactly these; gives the change that brought it about. */
  waitForNextHops(prefix: string, wanted: number | string[], deadlineMs?: number): Promise<RouteChange>;
  /** What the router's own program says of its sessions. */
  sessions(): Promise<string>;
}

export interface ReflectorOptions {
  software?: 'bird' | 'gobgp';
  /** Prefixes it accepts; default: the lab's VIP ranges. */
  vipRanges?: string[];
  /** TCP MD5 of the sessions with LB pods. */
  password?: string;
  /** Routes it takes from one LB pod; default 8. */
  maxPrefixes?: number;
}

export interface ReflectorRole extends Role {
  readonly software: 'bird' | 'gobgp';
  readonly process: ProcessRole;
  /** SIGKILL of the daemon. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Its own list of sessions and routes, to look at. */
  show(): Promise<string>;
}

export interface NodeRole extends Role {
  readonly index: number;
  readonly podCidr: string;
  /** The node-router program; undefined when the node has none. */
  readonly nodeRouter: (ProcessRole & { revive(): void }) | undefined;
  /** The route of a prefix as `ip route` prints it; undefined when there is none. */
  route(prefix: string): Promise<string | undefined>;
}
