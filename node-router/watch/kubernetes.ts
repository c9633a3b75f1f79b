/** The LB pods of one node from the Kubernetes API. */
import type { V1Pod } from '@kubernetes/client-node';
import type { KubernetesClient } from '../../common/kubernetes/client.ts';
import { followCollection } from '../../common/kubernetes/list-watch.ts';
import { serviceLabel } from '../core/pods.ts';
import type { PodHandlers, PodSource } from './source.ts';

/**
 * By this label, which every LB pod has, and by the node's name the API server sends a node its own LB pods and nothing
 * else. Of every namespace, whatever `allowedNamespaces` says: a pod that is refused has to be seen to be told.
 */
const labelSelector = serviceLabel;

export interface NodePods extends PodHandlers {
  readonly client: KubernetesClient;
  readonly nodeName: string;
  readonly nowMs: () => number;
}

export function watchPodsOfNode({ client, nodeName, nowMs, onSnapshot, onFailure }: NodePods): PodSource {
  const collection = followCollection<V1Pod>({
    client,
    path: '/api/v1/pods',
    query: { fieldSelector: `spec.nodeName=${nodeName}`, labelSelector },
    onObjects: (pods, takenAtMs) => onSnapshot({ pods, takenAtMs }),
    onFailure,
    nowMs,
  });
  return {
    get confirmedAtMs() {
      return collection.confirmedAtMs;
    },
    close: () => collection.stop(),
  };
}
