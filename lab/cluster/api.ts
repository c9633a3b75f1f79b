/**
 * The cluster as a test sees it: a real Kubernetes, whose nodes are guests behind the lab's router, and the lab's client.
 * This file is the whole surface; `openCluster` (lab/cluster/cluster.ts) gives it. Every `waitFor…` has a deadline and,
 * when it passes, throws an error that says what was seen last.
 */
import type { ClientRole, RouterRole } from '../api.ts';
import type { ApiClient } from './api-client.ts';

export interface Cluster {
  readonly runDir: string;
  /** 10.1.0.1, behind the router: as the lab's client. */
  readonly client: ClientRole;
  /** 10.0.0.254: as the lab's router. Takes reflectors at 10.0.0.251 and .252, and those that call from a node's address. */
  readonly router: RouterRole;
  /** node-1 to node-3. */
  readonly nodes: ClusterNode[];
  readonly etcd: ControlledProgram;
  readonly apiServer: ControlledProgram;
  readonly controllerManager: ControlledProgram;
  readonly scheduler: ControlledProgram;
  /** The API server as cluster administrator. */
  readonly api: ApiClient;
  /** For programs in the cluster's network; the machine's own kubectl takes `<runDir>/kubeconfig`. */
  readonly kubeconfig: string;
  /**
   * Folder of psql, pgbench and redis-cli with their libraries:
   * `client.exec(['chroot', cluster.databases, 'psql', '--host', '203.0.113.1', …])`.
   */
  readonly databases: string;
  /** The real kubectl; gives its stdout, throws with all that it said unless it exits 0. */
  kubectl(args: string[], options?: CommandOptions): Promise<string>;
  /** `kubectl apply -f -` of one object, several, or YAML. */
  apply(manifest: string | object | object[]): Promise<void>;
  /** The real helm, version 4. */
  helm(args: string[], options?: CommandOptions): Promise<string>;
  helm3(args: string[], options?: CommandOptions): Promise<string>;
  /** An object, undefined when it is not there: `get('pods', 'web-1', 'lb-test')`. */
  get<T = KubernetesObject>(resource: string, name: string, namespace?: string): Promise<T | undefined>;
  /** Objects of a kind, by label selector. */
  list<T = KubernetesObject>(resource: string, namespace: string, selector?: string): Promise<T[]>;
  /** Until so many pods of a selector are ready, and no others are left of it; gives them. */
  waitForPods(namespace: string, selector: string, count: number, deadlineMs?: number): Promise<Pod[]>;
  /** Until every node is Ready. */
  waitForNodes(deadlineMs?: number): Promise<void>;
  /**
   * SIGKILL of the API server, and the end of the controller manager and the scheduler: with leader election, which
   * clusters have and this one does without, both end when they cannot renew their lease for ten seconds. One that
   * lived on would take every node for dead when the API server is back, and every pod for not ready.
   */
  stopApiServer(): Promise<void>;
  /** All three again; resolves when the API server is ready. */
  startApiServer(): Promise<void>;
  /** A copy of all that the API server knows, in a file. */
  saveSnapshot(name: string): Promise<string>;
  /** Puts the API server and etcd back to what a snapshot has, as an administrator would after a disaster. */
  restoreSnapshot(file: string): Promise<void>;
  /** A namespace of this name, empty: one that was there is deleted before. */
  freshNamespace(name: string, labels?: Record<string, string>): Promise<void>;
  /** What Kubernetes says of pods that are not well, and the ends of all logs of the cluster itself. */
  explain(): Promise<Explanation>;
  /** Ends what this process has opened, not a cluster that was up before. */
  close(): Promise<void>;
}

export interface Explanation {
  /** A screen of it: nodes that are down, pods that are not well, the last Warnings. */
  digest: string;
  /** What the cluster, the router and each part of every node said last. */
  logs: string;
}

export interface CommandOptions {
  input?: string;
  timeoutMs?: number;
}

export interface ControlledProgram {
  readonly pid: number;
  readonly logFile: string;
  start(): void;
  /** SIGTERM unless another signal is given; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ClusterNode {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  readonly runDir: string;
  /** Runs a command on the node; PATH has containerd's ctr. */
  exec(command: string[]): Promise<string>;
  /** The power fails. Resolves when nothing of it is left. */
  kill(): Promise<void>;
  /** The power comes back: boots with the disk that it had. Resolves when its kubelet is started. */
  start(): Promise<void>;
  isUp(): Promise<boolean>;
  /** kill -9, and nothing starts it again until startProgram; containers go on. */
  stopProgram(name: 'kubelet' | 'containerd' | 'kube-proxy'): Promise<void>;
  startProgram(name: 'kubelet' | 'containerd' | 'kube-proxy'): Promise<void>;
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    creationTimestamp: string;
    deletionTimestamp?: string;
  };
}

export interface Pod extends KubernetesObject {
  spec: { nodeName?: string; containers: { name: string; image: string }[] };
  status: {
    phase: string;
    podIP?: string;
    hostIP?: string;
    conditions?: { type: string; status: string; message?: string }[];
    containerStatuses?: {
      name: string;
      ready: boolean;
      restartCount: number;
      state: Record<string, unknown>;
    }[];
  };
}
