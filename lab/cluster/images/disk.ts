import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Step } from '../../setup/types.ts';
import { programFolder } from '../tools/go-build.ts';

/** To be raised when something else than the archives changes what the disk is. */
const recipe = 1;
const disksKept = 4;

/** The archives by name, size and time: reading them all at every start would take longer than it gains. */
function keyOf(archives: string[]): string {
  const parts = archives.map((file) => {
    const { size, mtimeMs } = statSync(file);
    return [basename(file), size, mtimeMs];
  });
  return createHash('sha256')
    .update(JSON.stringify([recipe, parts]))
    .digest('hex')
    .slice(0, 12);
}

export function imagesDisk(cacheDir: string, archives: string[]): string {
  return join(cacheDir, `cluster-disk-${keyOf(archives)}`, 'disk.ext4');
}

/**
 * The disk that every node starts from, with all images in containerd's store: importing them in a guest takes
 * minutes, on the machine seconds.
 */
export function imagesDiskStep(cacheDir: string, archives: string[]): Step {
  const target = join(cacheDir, `cluster-disk-${keyOf(archives)}`);
  return {
    title: `the nodes' disk with ${archives.length} images, about 10 s`,
    isDone: () => existsSync(target),
    run: async (tools) => {
      removeOldDisks(cacheDir);
      await tools.makeFolder(target, async (folder) => {
        mkdirSync(join(folder, 'tree'));
        const script = join(import.meta.dirname, 'make-disk.sh');
        await tools.command(['sh', script, programFolder(cacheDir), folder, ...archives]);
      });
      const now = new Date();
      utimesSync(target, now, now);
    },
    remedy: `${cacheDir} needs 2 GB, on a file system that overlayfs can lie on (ext4, xfs).`,
  };
}

function removeOldDisks(cacheDir: string): void {
  const disks = readdirSync(cacheDir)
    .filter((name) => name.startsWith('cluster-disk-') && !name.includes('.making-'))
    .map((name) => join(cacheDir, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const old of disks.slice(disksKept - 1)) rmSync(old, { recursive: true, force: true });
}
