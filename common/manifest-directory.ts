import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { monotonicMs } from './clock.ts';
import { problems } from './errors.ts';
import { describeSystemError, readText } from './files.ts';
import { createOnce, keepLooking, type Look } from './looking.ts';
import { describeManifest, type Manifest, parseManifests } from './manifests.ts';
import type { Problem } from './problem.ts';
import { rememberManifests } from './remembered-manifests.ts';
import { SettledFile } from './settled-file.ts';
import { watchPath } from './watch-path.ts';
import { whyHalfWritten } from './yaml-text.ts';

export interface ManifestHandlers {
  /** all objects of all files, whole; takenAtMs is monotonicMs() of the moment before they were read */
  onObjects(objects: readonly Manifest[], takenAtMs: number): void;
  onFailure(problem: Problem): void;
}

export interface WatchedManifests {
  /** monotonicMs() of the last look at which everything was as given; undefined: there was none yet */
  readonly confirmedAtMs: number | undefined;
  close(): Promise<void>;
}

interface Followed {
  name: string;
  file: SettledFile;
  parse: typeof parseManifests;
  /** its newest content is not the one in use */
  refused: boolean;
  /** the last good content; undefined: there was none yet */
  objects?: readonly Manifest[];
}

/**
 * Follows a directory of manifests (`*.yaml`, `*.yml`, `*.json`). A file that is unreadable, half-written or refused
 * keeps the last good content of that file, which is told once. Before every file was read whole once nothing is
 * given at all: a part must not replace what an earlier run put into the kernel.
 */
export async function watchManifests(
  directory: string,
  { onObjects, onFailure }: ManifestHandlers,
): Promise<WatchedManifests> {
  const followed = new Map<string, Followed>();
  const tellOnce = createOnce(onFailure);
  let given: readonly Manifest[] | undefined;
  let confirmedAtMs: number | undefined;

  async function look(): Promise<Look> {
    const takenAtMs = monotonicMs();
    const looks: Look[] = [];
    try {
      for (const name of (await readdir(directory)).filter(isManifestName)) {
        if (!followed.has(name))
          followed.set(name, {
            name,
            file: new SettledFile(join(directory, name)),
            parse: rememberManifests(),
            refused: false,
          });
      }
      tellOnce('directory');
    } catch (error) {
      tellOnce('directory', problems.DIRECTORY_UNREADABLE(directory, describeSystemError(error)));
      return 'failing';
    }
    for (const name of [...followed.keys()].sort()) looks.push(await readOne(followed.get(name) as Followed));
    const unsettled = looks.includes('unsettled');
    if (given !== undefined || !unsettled) give(takenAtMs);
    tellOnce('look');
    const whole = ![...followed.values()].some(({ refused }) => refused);
    if (given !== undefined && whole && looks.every((each) => each === 'settled')) confirmedAtMs = takenAtMs;
    return unsettled ? 'unsettled' : looks.includes('failing') ? 'failing' : 'settled';
  }

  async function readOne(one: Followed): Promise<Look> {
    const reading = await one.file.read();
    if (reading.state === 'absent') {
      followed.delete(one.name);
      tellOnce(one.name);
    } else if (reading.state === 'refused') {
      one.refused = true;
      tellOnce(one.name, problems.MANIFESTS_REFUSED(one.file.path, [reading.problem.message]));
      return 'failing';
    } else if (reading.state === 'whole') {
      one.refused = true; // whatever may come of it
      const parsed = one.parse(reading.text, one.file.path);
      const faults = parsed.problems.map(({ message }) => message);
      tellOnce(one.name, faults.length > 0 ? problems.MANIFESTS_REFUSED(one.file.path, faults) : undefined);
      one.refused = faults.length > 0;
      if (faults.length === 0) one.objects = parsed.objects;
    }
    return reading.state === 'unsettled' ? 'unsettled' : 'settled';
  }

  function give(takenAtMs: number): void {
    const files = [...followed.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const awaited = given === undefined ? files.filter(({ objects }) => objects === undefined) : [];
    tellOnce(
      'awaited',
      awaited.length > 0
        ? problems.MANIFESTS_AWAITED(
            directory,
            awaited.map((each) => each.name),
          )
        : undefined,
    );
    if (awaited.length > 0) return;
    const objects = unique(files);
    if (given?.length === objects.length && objects.every((each, index) => each === given?.[index])) return;
    given = objects;
    onObjects(objects, takenAtMs);
  }

  /** Two files with one object: the first by name counts, whoever was written last. */
  function unique(files: Followed[]): Manifest[] {
    const holders = new Map<string, Followed>();
    const kept: Manifest[] = [];
    for (const file of files) {
      let twice: Problem | undefined;
      for (const object of file.objects ?? []) {
        const name = describeManifest(object);
        const holder = holders.get(name);
        if (holder !== undefined) twice ??= problems.MANIFEST_TWICE(name, holder.name, file.file.path);
        else {
          holders.set(name, file);
          kept.push(object);
        }
      }
      tellOnce(`twice ${file.name}`, twice);
    }
    return kept;
  }

  const looking = keepLooking(look, (problem) => tellOnce('look', problem));
  looking.now();
  const watcher = await watchPath(directory, looking.now);
  looking.now();
  return {
    get confirmedAtMs() {
      return confirmedAtMs;
    },
    async close() {
      await watcher.close();
      await looking.stop();
    },
  };
}

/** One look, for a check by hand: what is good of it now, and a failure for each file that is not. */
export async function readManifests(
  directory: string,
  onFailure: (problem: Problem) => void,
): Promise<Manifest[]> {
  const objects: Manifest[] = [];
  const names = await readdir(directory).catch((error: unknown) => {
    onFailure(problems.DIRECTORY_UNREADABLE(directory, describeSystemError(error)));
    return [];
  });
  for (const name of names.filter(isManifestName).sort()) {
    const path = join(directory, name);
    const text = await readText(path).catch((problem: Problem) => onFailure(problem));
    if (text === undefined) continue;
    const half = whyHalfWritten(text);
    if (half !== undefined) onFailure(problems.FILE_HALF_WRITTEN(path, half));
    const parsed = parseManifests(text, path);
    parsed.problems.forEach(onFailure);
    if (half === undefined && parsed.problems.length === 0) objects.push(...parsed.objects);
  }
  return objects;
}

function isManifestName(name: string): boolean {
  return /^[^.].*\.(ya?ml|json)$/.test(name);
}
