import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { monotonicMs } from '../../common/clock.ts';
import { readText, type Watcher, watchPath } from '../../common/files.ts';
import { type Manifest, parseManifests } from '../../common/manifests.ts';
import type { Problem } from '../../common/problem.ts';
import type { EndpointSource, WatchedEndpoints } from './source.ts';

export interface FilesSourceOptions {
  directory: string;
  service: { name: string; namespace: string };
}

/** Endpoints from a directory of Kubernetes manifests. */
export function createFilesSource({ directory, service }: FilesSourceOptions): EndpointSource {
  let watcher: Watcher | undefined;
  let last = '';
  async function scan(
    onSnapshot: (snapshot: WatchedEndpoints) => void,
    onFailure: (problem: Problem) => void,
  ) {
    const takenAtMs = monotonicMs();
    const objects: Manifest[] = [];
    for (const name of (await readdir(directory))
      .filter((each) => /^[^.].*\.(ya?ml|json)$/.test(each))
      .sort()) {
      const parsed = parseManifests(await readText(join(directory, name)), join(directory, name));
      for (const problem of parsed.problems) onFailure(problem);
      objects.push(...parsed.objects);
    }
    const text = createHash('sha256').update(JSON.stringify(objects)).digest('hex');
    if (text === last) return;
    last = text;
    const own = objects.filter((each) => each.metadata.namespace === service.namespace);
    const found = own.find((each) => each.kind === 'Service' && each.metadata.name === service.name);
    onSnapshot({
      ...(found?.kind === 'Service' ? { service: found } : {}),
      slices: own.filter(
        (each) =>
          each.kind === 'EndpointSlice' &&
          each.metadata.labels?.['kubernetes.io/service-name'] === service.name,
      ) as WatchedEndpoints['slices'],
      takenAtMs,
    });
  }
  return {
    async start(onSnapshot, onFailure) {
      const run = () => void scan(onSnapshot, onFailure).catch((error: Problem) => onFailure(error));
      watcher = await watchPath(directory, run);
      run();
    },
    stop: async () => watcher?.close(),
  };
}
