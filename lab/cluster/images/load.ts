import { copyFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execInKernel } from '../../kernel/run.ts';
import { nodeName, nodeNumbers } from '../plan.ts';
import { readSetUp } from '../set-up.ts';

/** Archives into containerd of every node of a cluster that is up: slower than a disk made of them, but at once. */
export async function loadImages(runDir: string, archives: string[]): Promise<void> {
  const ctr = join(readSetUp(runDir).bin, 'ctr');
  await Promise.all(
    nodeNumbers().map(async (index) => {
      const folder = join(runDir, nodeName(index));
      for (const archive of archives) {
        const copy = join(folder, basename(archive));
        copyFileSync(archive, copy);
        const command = [ctr, '--namespace', 'k8s.io', 'images', 'import', copy];
        const code = await execInKernel(folder, command);
        rmSync(copy);
        if (code !== 0) throw new Error(`${archive} was not imported by ${nodeName(index)} (exit ${code})`);
      }
    }),
  );
}
