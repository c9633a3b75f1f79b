import type { LabService } from '../roles/service.ts';

export interface PodFacts {
  name: string;
  service: Pick<LabService, 'name' | 'namespace' | 'prefixes'>;
  /** VIP prefixes as its settings have them now. */
  prefixes: string[];
  nodeName: string;
  nodeIP: string;
  podIP: string;
  isReady: boolean;
  readySince: string;
  terminatingSince?: string;
  graceSeconds?: number;
}

/** The LB pod as the API server holds it: what the node router reads. */
export function podManifest(pod: PodFacts): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      namespace: pod.service.namespace,
      labels: { 'app.kubernetes.io/name': 'portable-lb', 'portable-lb/service': pod.service.name },
      annotations: { 'portable-lb/vip-prefixes': pod.prefixes.join(',') },
      ...(pod.terminatingSince === undefined
        ? {}
        : { deletionTimestamp: pod.terminatingSince, deletionGracePeriodSeconds: pod.graceSeconds ?? 30 }),
    },
    spec: { nodeName: pod.nodeName, containers: [{ name: 'controller' }, { name: 'bgp-sidecar' }] },
    status: {
      phase: 'Running',
      podIP: pod.podIP,
      podIPs: [{ ip: pod.podIP }],
      hostIP: pod.nodeIP,
      conditions: [
        { type: 'Ready', status: pod.isReady ? 'True' : 'False', lastTransitionTime: pod.readySince },
      ],
    },
  };
}
