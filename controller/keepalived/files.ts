/**
 * keepalived's files in its run directory. Each set is a directory of its own (`generations/000007/`), and
 * `current` is a symbolic link to one: a set comes into place in one rename and is never half there.
 *
 *   current → generations/000007     what keepalived reads: current/ipvs.conf, includes relative to it
 *   generations/000006               the set before
 *   rejected/000008                  refused by keepalived, with its words in refused.txt
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describeSystemError } from '../../common/files.ts';
import type { RenderedFiles } from '../core/types.ts';
import { problems } from '../errors.ts';
import type { ConfigTest } from './config-test.ts';
import { createConfigTester } from './config-tester.ts';
import { linkedName, mainFile, pointTo, readSet, syncOf, writeSet } from './file-set.ts';

export interface KeepalivedFiles {
  /** What `current` holds; undefined before the first commit. */
  current(): RenderedFiles | undefined;
  /** What keepalived is told to read; the same path for every set. */
  readonly configFile: string;
  /** Writes a new set and resolves to its directory. */
  stage(files: RenderedFiles): Promise<string>;
  /** keepalived's own check of a staged set; never throws. */
  test(directory: string): Promise<ConfigTest>;
  /** `onInPlace` is called as soon as keepalived would read the set, before what was there is cleared away. */
  commit(directory: string, onInPlace?: () => void): Promise<void>;
  /** Keeps a refused set aside; resolves to where. */
  reject(directory: string): Promise<string>;
  /** Ends what waits to test the next set. */
  close(): void;
}

const keptRejected = 3;

/**
 * Finds the current set of an earlier run again and removes what one left half done. Problems (disk full,
 * read-only) name the path; whatever fails, the current set stays whole.
 */
export function openKeepalivedFiles(runDir: string, options: { program?: string } = {}): KeepalivedFiles {
  const generations = join(runDir, 'generations');
  const rejected = join(runDir, 'rejected');
  const link = join(runDir, 'current');
  const tests = new Map<string, ConfigTest>();

  const name = linkedName(link);
  let current = name === undefined ? undefined : readSet(join(generations, name));
  let currentName = current && name;
  const sync = guardSync(runDir, () => {
    mkdirSync(runDir, { recursive: true });
    for (const place of [generations, rejected]) if (!existsSync(place)) mkdirSync(place);
    const earlier = readdirSync(generations).sort();
    const before = earlier[earlier.indexOf(currentName ?? '') - 1];
    for (const found of earlier) {
      if (found !== currentName && found !== before) rmSync(join(generations, found), { recursive: true });
    }
    rmSync(`${link}.new`, { force: true });
    return syncOf(runDir);
  });
  const tester = createConfigTester(runDir, options);
  const numbers = [generations, rejected].flatMap((place) => readdirSync(place).map(Number));
  let last = Math.max(0, ...numbers.filter(Number.isInteger));

  return {
    configFile: join(link, mainFile),
    current: () => current,
    async stage(files) {
      if (!files[mainFile]?.trim()) throw problems.KEEPALIVED_FILES_EMPTY(mainFile);
      const directory = join(generations, String(++last).padStart(6, '0'));
      try {
        // named without its number: it is another at each attempt, and the same trouble is told once
        await guard(generations, () => writeSet(directory, files, sync));
      } catch (problem) {
        await rm(directory, { recursive: true, force: true });
        throw problem;
      }
      return directory;
    },
    async test(directory) {
      const result = await tester.test(directory);
      tests.set(directory, result);
      return result;
    },
    async commit(directory, onInPlace) {
      const before = currentName;
      await guard(link, async () => {
        statSync(join(directory, mainFile));
        pointTo(link, basename(directory));
        onInPlace?.();
        await sync(runDir);
      });
      current = readSet(directory);
      currentName = basename(directory);
      tests.clear();
      for (const found of await readdir(generations)) {
        if (found !== currentName && found !== before) await discard(join(generations, found));
      }
    },
    async reject(directory) {
      const aside = join(rejected, basename(directory));
      const words = tests.get(directory)?.output ?? '';
      tests.delete(directory);
      try {
        await rename(directory, aside);
        const old = (await readdir(rejected)).sort().slice(0, -keptRejected);
        for (const found of old) await discard(join(rejected, found));
        await writeFile(join(aside, 'refused.txt'), `${words}\n`);
      } catch {
        // The words are in the log; a full disk must not make a refusal worse.
        await discard(directory);
      }
      return aside;
    },
    close: () => tester.close(),
  };
}

const discard = (path: string) => rm(path, { recursive: true, force: true }).catch(() => undefined);

async function guard(path: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error) => {
    throw problems.KEEPALIVED_FILES_UNWRITABLE(path, describeSystemError(error));
  });
}

function guardSync<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw problems.KEEPALIVED_FILES_UNWRITABLE(path, describeSystemError(error));
  }
}
