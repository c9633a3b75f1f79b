/** Pods from a directory of Kubernetes manifests. */
import type { V1Pod } from '@kubernetes/client-node';
import { watchManifests } from '../../common/manifest-directory.ts';
import type { PodHandlers, PodSource } from './source.ts';

export function watchPodFiles(directory: string, { onSnapshot, onFailure }: PodHandlers): Promise<PodSource> {
  return watchManifests(directory, {
    onObjects: (objects, takenAtMs) => {
      const pods = objects.filter((object): object is typeof object & V1Pod => object.kind === 'Pod');
      onSnapshot({ pods, takenAtMs });
    },
    onFailure,
  });
}
