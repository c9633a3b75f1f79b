/** Addresses and names of the cluster, beside those of the lab's plan (lab/network/plan.ts), in one place. */
import { join } from 'node:path';
import { fabric, nodeAddress } from '../network/plan.ts';

export const nodeCount = 3;
export const serviceCidr = '10.96.0.0/16';
export const apiServiceAddress = '10.96.0.1';
export const dnsAddress = '10.96.0.10';
export const clusterDomain = 'cluster.local';
/** The control plane runs where the lab itself has its place on the fabric. */
export const controlPlane = { address: fabric.lab, apiPort: 6443, etcdPort: 2379, etcdPeerPort: 2380 };
export const apiUrl = `https://${controlPlane.address}:${controlPlane.apiPort}`;

export function nodeName(index: number): string {
  return `node-${index}`;
}

export function nodeNumbers(): number[] {
  return Array.from({ length: nodeCount }, (_, index) => index + 1);
}

export function apiServerNames(): string[] {
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  return [
    ...[...names, `kubernetes.default.svc.${clusterDomain}`, 'localhost'].map((name) => `DNS:${name}`),
    ...[apiServiceAddress, controlPlane.address, '127.0.0.1'].map((address) => `IP:${address}`),
  ];
}

export function nodeNames(index: number): string[] {
  return [`DNS:${nodeName(index)}`, `IP:${nodeAddress(index)}`];
}

/** Where what belongs to one cluster is kept, below the folder of its run: the same path in and outside of it. */
export interface ClusterPaths {
  runDir: string;
  keys: string;
  logs: string;
  etcd: string;
  /** pid and command line of each program of the control plane. */
  programs: string;
  /** The API server as a socket, for the machine. */
  apiSocket: string;
  kubeconfig: string;
  /** For the machine's own kubectl. */
  machineKubeconfig: string;
  description: string;
  node(index: number): string;
}

export function clusterPaths(runDir: string): ClusterPaths {
  return {
    runDir,
    keys: join(runDir, 'keys'),
    logs: join(runDir, 'logs'),
    etcd: join(runDir, 'etcd'),
    programs: join(runDir, 'programs'),
    apiSocket: join(runDir, 'api.sock'),
    kubeconfig: join(runDir, 'keys', 'admin.kubeconfig'),
    machineKubeconfig: join(runDir, 'kubeconfig'),
    description: join(runDir, 'cluster.json'),
    node: (index) => join(runDir, nodeName(index)),
  };
}
