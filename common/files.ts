import { open, readFile, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { problems } from './errors.ts';
import { reasonOf, systemCode } from './problem.ts';

export { type Watcher, watchPath } from './watch-path.ts';

/**
 * `disk`: the file is on the disk when the promise resolves. `none`: readers see the old or the new file whole,
 * but a power cut may lose it. For files that mean nothing after a reboot (the lease, counted on the monotonic
 * clock), since an fsync can take seconds on a busy disk.
 */
export type Durability = 'disk' | 'none';

let writes = 0;

/**
 * Writes beside, syncs, renames: a reader sees the old or the new file, never a half. When it fails (a full disk)
 * the old file is whole, the temporary one is gone, and the error names the file.
 */
export async function writeFileAtomic(
  path: string,
  text: string,
  options: { durability?: Durability } = {},
): Promise<void> {
  const durability = options.durability ?? 'disk';
  const directory = dirname(path);
  // the leading dot hides it from whoever reads all files of the directory
  const beside = join(directory, `.${basename(path)}.${process.pid}-${++writes}.tmp`);
  try {
    const handle = await open(beside, 'w', 0o644);
    try {
      await handle.writeFile(text);
      if (durability === 'disk') await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, path);
    if (durability === 'disk') await syncPath(directory);
  } catch (error) {
    await unlink(beside).catch(() => undefined);
    throw problems.FILE_UNWRITABLE(path, describeSystemError(error));
  }
}

/** Reads a text file; the error names it and says what to do. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw problems.FILE_UNREADABLE(path, describeSystemError(error));
  }
}

/** `ENOSPC: no space left on device` without the path that Node repeats. */
export function describeSystemError(error: unknown): string {
  const reason = reasonOf(error).split(', ')[0] ?? '';
  return reason.includes(systemCode(error) ?? '') ? reason : `${systemCode(error)}: ${reason}`;
}

/** fsync of a file or a directory. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
