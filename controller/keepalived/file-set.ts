/** One set of keepalived's files: a directory with `ipvs.conf` and what it includes. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncPath } from '../../common/files.ts';
import type { RenderedFiles } from '../core/types.ts';

export const mainFile = 'ipvs.conf';

/** Resolves when a file or a directory is where its file system keeps it. */
export type Sync = (path: string) => Promise<void>;

/** Resolves when all of it is synced. The calls into the page cache are not worth a thread of their own each. */
export async function writeSet(directory: string, files: RenderedFiles, sync: Sync): Promise<void> {
  // not recursive: Node then calls a read-only disk ENOENT
  mkdirSync(directory);
  const written = new Set([directory, dirname(directory)]);
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    // keepalived skips files that are executable (parser.c check_conf_file)
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
    written.add(dirname(path)).add(path);
  }
  await Promise.all([...written].map(sync));
}

export function readSet(directory: string): RenderedFiles | undefined {
  try {
    const files: RenderedFiles = {};
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files[path.slice(directory.length + 1)] = readFileSync(path, 'utf8');
    }
    return files[mainFile] ? files : undefined;
  } catch {
    return undefined;
  }
}

/** The name that a symbolic link points to, without its directory. */
export function linkedName(link: string): string | undefined {
  try {
    return basename(readlinkSync(link));
  } catch {
    return undefined;
  }
}

/** Makes the symbolic link point to another set, in one rename. */
export function pointTo(link: string, set: string): void {
  const beside = `${link}.new`;
  rmSync(beside, { force: true });
  symlinkSync(join('generations', set), beside);
  try {
    renameSync(beside, link);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** linux/magic.h */
const tmpfsMagic = 0x01021994;

/**
 * fsync, or nothing on a file system in memory, as the chart's run directory is: there it would only send every
 * change through other threads, each of which waits for its turn on a busy node.
 */
export function syncOf(directory: string): Sync {
  return statfsSync(directory).type === tmpfsMagic ? async () => undefined : syncPath;
}
