import { join } from 'node:path';
import { waitFor } from '../wait.ts';
import { createApiClient } from './api-client.ts';
import { apiUrl, type ClusterPaths, clusterDomain, controlPlane, serviceCidr } from './plan.ts';
import { Program } from './program.ts';

export interface ControlPlane {
  readonly etcd: Program;
  readonly apiServer: Program;
  readonly controllerManager: Program;
  readonly scheduler: Program;
}

const { address, apiPort, etcdPort, etcdPeerPort } = controlPlane;
const etcdUrl = `http://127.0.0.1:${etcdPort}`;
const readyDeadlineMs = 240_000;
/** Kubernetes' own is 40, which suits a test less than a machine room. */
const nodeGoneSeconds = 20;
/**
 * Kubernetes' own is 300. A kubelet that had no API server for two minutes may wait a minute before it looks at its
 * node again (client-go's reflector: 30 s and up to as much again), and only then says that it is ready.
 */
const evictedSeconds = 90;

/** The programs with their options; nothing is started. */
export function planControlPlane(paths: ClusterPaths, bin: string): ControlPlane {
  const program = (name: string, args: string[]) =>
    new Program({
      name,
      argv: [join(bin, name), ...args],
      logFile: join(paths.logs, `${name}.log`),
      pidFolder: paths.programs,
    });
  const key = (name: string) => join(paths.keys, name);
  const client = (name: string) =>
    ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
      (flag) => `--${flag}=${key(`${name}.kubeconfig`)}`,
    );
  return {
    etcd: program('etcd', [
      `--data-dir=${paths.etcd}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${etcdPeerPort}`,
      // What is written is gone with the lab anyway.
      '--unsafe-no-fsync',
      '--logger=zap',
      '--log-level=warn',
    ]),
    apiServer: program('kube-apiserver', [
      ...[`--etcd-servers=${etcdUrl}`, `--advertise-address=${address}`, `--secure-port=${apiPort}`],
      ...[`--service-cluster-ip-range=${serviceCidr}`, '--allow-privileged=true'],
      ...['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction'],
      ...[`--client-ca-file=${key('ca.crt')}`, `--kubelet-certificate-authority=${key('ca.crt')}`],
      ...[`--tls-cert-file=${key('apiserver.crt')}`, `--tls-private-key-file=${key('apiserver.key')}`],
      `--kubelet-client-certificate=${key('apiserver-kubelet-client.crt')}`,
      `--kubelet-client-key=${key('apiserver-kubelet-client.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      `--service-account-issuer=https://kubernetes.default.svc.${clusterDomain}`,
      `--service-account-key-file=${key('sa.pub')}`,
      `--service-account-signing-key-file=${key('sa.key')}`,
      `--requestheader-client-ca-file=${key('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy-client',
      ...['--requestheader-username-headers=X-Remote-User', '--requestheader-group-headers=X-Remote-Group'],
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${key('front-proxy-client.crt')}`,
      `--proxy-client-key-file=${key('front-proxy-client.key')}`,
      `--default-not-ready-toleration-seconds=${evictedSeconds}`,
      `--default-unreachable-toleration-seconds=${evictedSeconds}`,
    ]),
    controllerManager: program('kube-controller-manager', [
      ...client('controller-manager'),
      ...['--bind-address=127.0.0.1', '--leader-elect=false', '--use-service-account-credentials'],
      // The default of 20 requests a second takes five seconds of its start.
      ...['--kube-api-qps=1000', '--kube-api-burst=1000'],
      ...[`--root-ca-file=${key('ca.crt')}`, `--service-account-private-key-file=${key('sa.key')}`],
      ...[`--cluster-signing-cert-file=${key('ca.crt')}`, `--cluster-signing-key-file=${key('ca.key')}`],
      ...[`--node-monitor-grace-period=${nodeGoneSeconds}s`, '--node-monitor-period=2s'],
    ]),
    scheduler: program('kube-scheduler', [
      ...client('scheduler'),
      ...['--bind-address=127.0.0.1', '--leader-elect=false'],
    ]),
  };
}

export async function startControlPlane(plane: ControlPlane, paths: ClusterPaths): Promise<void> {
  plane.etcd.start();
  await startApiServer(plane, paths);
}

/** Resolves when the API server is ready; the others follow, as the controller manager would end without it. */
export async function startApiServer(plane: ControlPlane, paths: ClusterPaths): Promise<void> {
  plane.apiServer.start();
  await waitForApi(plane, paths);
  plane.controllerManager.start();
  plane.scheduler.start();
}

async function waitForApi(plane: ControlPlane, paths: ClusterPaths): Promise<void> {
  const api = createApiClient(apiUrl, paths.keys);
  await waitFor(
    'the API server to be ready',
    async () => {
      plane.etcd.mustRun();
      plane.apiServer.mustRun();
      const { status, text } = await api.request('GET', '/readyz');
      return status === 200 || { notYet: `status ${status}: ${text.slice(0, 300)}` };
    },
    { deadlineMs: readyDeadlineMs, everyMs: 100 },
  );
}
