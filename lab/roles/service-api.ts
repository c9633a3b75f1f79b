import type { NodeRole, ProcessRole, Role } from '../api.ts';

export interface ServicePort {
  /** Default: as `tcp-80`; '' is a port without a name, which Kubernetes takes only where it is the only one. */
  name?: string;
  protocol?: 'TCP' | 'UDP';
  port: number;
  /** A number, or a name that each EndpointSlice resolves (then servers listen on `namedPorts[name]`). */
  targetPort: number | string;
}

export interface ServiceOptions {
  name: string;
  namespace?: string;
  /** VIP prefixes, inside 203.0.113.0/24 or 198.51.100.0/24. */
  prefixes: string[];
  ports: ServicePort[];
  /** Ports behind names used in `targetPort`. */
  namedPorts?: Record<string, number>;
  /** Laid over the lab's default settings of this service's LB pods (deep merge; null removes a key). */
  settings?: Record<string, unknown>;
}

/** An entry of the EndpointSlice. Conditions that are absent are left out of the manifest (nil). */
export interface Endpoint {
  address: string;
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
  nodeName?: string;
  targetName?: string;
}

/** An nginx in a pod of its own (and a UDP echo, where the Service has UDP ports). */
export interface ServerPod extends Role {
  readonly node: NodeRole;
  readonly process: ProcessRole;
  readonly endpoint: Endpoint;
  /** Its readiness in the EndpointSlice; the program goes on. */
  setReady(state: 'ready' | 'unready'): Promise<void>;
  /** As a kubelet does: terminating in the slice (still serving), SIGQUIT to nginx (graceful), gone from the slice when it has ended. `preStopSeconds` (default 0): how long it goes on accepting before SIGQUIT, as by a preStop hook. */
  terminate(options?: { preStopSeconds?: number }): Promise<void>;
  /** Terminating in the slice only. */
  markTerminating(condition: { serving: boolean }): Promise<void>;
  /** SIGQUIT to nginx: it closes its listener and finishes what is in flight. The slice is not touched. */
  quit(): void;
  /** SIGKILL of nginx; it stays in the slice, as a server that died. */
  kill(): Promise<void>;
  /** nginx again, after kill or quit. */
  restart(): Promise<void>;
  /** Gone from the slice at once, then the pod is removed. */
  remove(): Promise<void>;
}

export interface ServiceRole {
  readonly name: string;
  readonly namespace: string;
  readonly prefixes: string[];
  readonly ports: ServicePort[];
  readonly servers: ServerPod[];
  /** Directory of its manifests, mounted read-only in its LB pods at /etc/portable-lb/manifests. */
  readonly manifestsDir: string;
  /** `http://<the nth address of the first prefix, from 1>:<first TCP port>/`. */
  url(nth?: number, options?: { port?: number; path?: string; prefix?: string }): string;
  /**
   * Brings up or removes servers (newest first) until there are n; new ones are spread over the nodes. Those removed
   * leave the slices in one change and are killed at once: requests in flight break. See ServerPod.terminate.
   */
  setServers(count: number): Promise<ServerPod[]>;
  addServer(node?: NodeRole): Promise<ServerPod>;
  /** Changes the Service's ports, and the servers' listeners with them. */
  setPorts(ports: ServicePort[]): Promise<void>;
  /** Instead of the servers' own entries: any addresses (servers need not exist). undefined = the servers again. */
  setEndpoints(endpoints: Endpoint[] | undefined): Promise<void>;
  /** How many endpoints one EndpointSlice takes; default 100, as in Kubernetes. */
  setSliceSize(endpointsPerSlice: number): Promise<void>;
  /** Writes a file of the directory as it is given (atomically); undefined removes it. service.yaml and slices.yaml are the lab's own. */
  writeManifest(fileName: string, text: string | undefined): Promise<void>;
  /** Lays a change over the settings of all its LB pods, live (as a ConfigMap changes: symlink swap). */
  updateSettings(change: Record<string, unknown>): Promise<void>;
  /** Replaces template files of all its LB pods, live; undefined removes one. */
  updateTemplates(files: Record<string, string | undefined>): Promise<void>;
}
