import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { imageArchives } from '../../images/archives.ts';
import { readCacheDir } from '../../setup/config.ts';
import { SetUpFailure } from '../../setup/failure.ts';

/**
 * Archives of the product's images for the nodes' disk: `now` of its sources as they are, `last` those built last,
 * whatever has changed since, or `none`.
 */
export async function productArchives(which = 'now'): Promise<string[]> {
  if (which === 'none') return [];
  if (which === 'last') return lastArchives();
  if (which === 'now') return (await imageArchives()).map(({ file }) => file);
  throw new SetUpFailure(`--images ${which}: accepted are now, last and none`);
}

function lastArchives(): string[] {
  const cacheDir = readCacheDir();
  const folders = readdirSync(cacheDir)
    .filter((name) => /^images-[0-9a-f]{12}$/.test(name))
    .map((name) => join(cacheDir, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const files = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.tar'));
  const newest = folders.find((folder) => existsSync(folder) && files(folder).length > 0);
  if (newest === undefined)
    throw new SetUpFailure('--images last: no images were built yet; leave the option out');
  return files(newest).map((name) => join(newest, basename(name)));
}
