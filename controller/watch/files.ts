import { monotonicMs } from '../../common/clock.ts';
import { readManifests, type WatchedManifests, watchManifests } from '../../common/manifest-directory.ts';
import type {
  EndpointSliceManifest,
  IngressManifest,
  Manifest,
  ServiceManifest,
} from '../../common/manifests.ts';
import type { Problem } from '../../common/problem.ts';
import { describeSelection, type ServiceSelection } from '../../common/settings.ts';
import type { Snapshot } from '../core/types.ts';
import { chooseService } from './service-choice.ts';
import type { EndpointSource } from './source.ts';

export interface FilesSourceOptions {
  directory: string;
  service: ServiceName;
}

interface ServiceName {
  /** settings with this source always have one */
  name?: string | undefined;
  namespace: string;
}

export interface WatchedEndpoints {
  service?: ServiceManifest;
  slices: EndpointSliceManifest[];
  takenAtMs: number;
}

/** Endpoints from a directory of ordinary Kubernetes manifests: whatever can write a file can drive the pair. */
export function createFilesSource({ directory, service }: FilesSourceOptions): EndpointSource {
  let watcher: WatchedManifests | undefined;
  return {
    async start(onSnapshot, onFailure) {
      let last: WatchedEndpoints | undefined;
      watcher = await watchManifests(directory, {
        onFailure,
        onObjects(objects, takenAtMs) {
          const snapshot = select(objects, service, takenAtMs);
          if (last !== undefined && sameObjects(last, snapshot)) return;
          last = snapshot;
          onSnapshot(snapshot);
        },
      });
    },
    get confirmedAtMs() {
      return watcher?.confirmedAtMs;
    },
    stop: async () => watcher?.close(),
  };
}

/** One look, for --check: what is good of the directory now; each file that is not is told. */
export async function readSnapshot(
  directory: string,
  selection: ServiceSelection,
  onFailure: (problem: Problem) => void,
): Promise<Snapshot> {
  const takenAtMs = monotonicMs();
  const objects = await readManifests(directory, onFailure);
  if (selection.name !== undefined) return select(objects, selection, takenAtMs);
  const kind = selection.ingressClassName === undefined ? 'Service' : 'Ingress';
  const candidates = objects.filter((each): each is ServiceManifest | IngressManifest => each.kind === kind);
  const { name, absence, notes } = chooseService(candidates, selection, undefined);
  const { namespace } = selection;
  const selected = select(objects, { namespace, name }, takenAtMs);
  return {
    ...selected,
    selectedBy: describeSelection(selection),
    // an Ingress may name a Service that is not there
    ...(selected.service === undefined && {
      absence: absence ?? `there is no Service ${namespace}/${name}, the ${describeSelection(selection)},`,
    }),
    notes: [...notes],
  };
}

const serviceNameLabel = 'kubernetes.io/service-name';

function select(
  objects: readonly Manifest[],
  { name, namespace }: ServiceName,
  takenAtMs: number,
): WatchedEndpoints {
  const own = objects.filter(({ metadata }) => metadata.namespace === namespace);
  const service = own.find(
    (each): each is ServiceManifest => each.kind === 'Service' && each.metadata.name === name,
  );
  const slices = own.filter(
    (each): each is EndpointSliceManifest =>
      each.kind === 'EndpointSlice' && each.metadata.labels?.[serviceNameLabel] === name,
  );
  return { ...(service === undefined ? {} : { service }), slices, takenAtMs };
}

/** An object stays the same one until its document changes. */
function sameObjects(a: WatchedEndpoints, b: WatchedEndpoints): boolean {
  return (
    a.service === b.service &&
    a.slices.length === b.slices.length &&
    a.slices.every((slice, i) => slice === b.slices[i])
  );
}
