/** One set of keepalived's files: a directory with `ipvs.conf` and what it includes. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RenderedFiles } from '../core/types.ts';

export const mainFile = 'ipvs.conf';

export async function writeSet(directory: string, files: RenderedFiles): Promise<void> {
  // not recursive: Node then calls a read-only disk ENOENT
  await mkdir(directory);
  const directories = new Set([directory]);
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    directories.add(dirname(path));
    await mkdir(dirname(path), { recursive: true });
    // keepalived skips files that are executable (parser.c check_conf_file)
    const handle = await open(path, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  for (const found of directories) await syncDirectory(found);
  await syncDirectory(dirname(directory));
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

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
