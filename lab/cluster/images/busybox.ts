import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { downloadPackage } from '../../setup/mirror.ts';
import type { StepTools } from '../../setup/types.ts';

/** A shell and the small programs of every day, in /bin of an image's root. */
export async function addBusybox(tools: StepTools, folder: string, root: string): Promise<void> {
  const work = join(folder, 'work');
  mkdirSync(work);
  await downloadPackage(tools, 'trixie', 'busybox-static', work);
  const file = readdirSync(work).find((name) => name.endsWith('.deb')) ?? '';
  await tools.command(['dpkg-deb', '--extract', join(work, file), work]);
  copyFileSync(join(work, 'usr/bin/busybox'), join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  await tools.command(['chroot', root, '/bin/busybox', '--install', '-s', '/bin']);
  rmSync(work, { recursive: true });
}
