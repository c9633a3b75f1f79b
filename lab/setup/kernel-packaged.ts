import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { downloadPackage } from './mirror.ts';
import type { KernelChoice, Step } from './types.ts';

const suite = 'bookworm';
const packageName = 'user-mode-linux';

function folder(cacheDir: string): string {
  return join(cacheDir, 'kernel-6.1');
}

/** Debian bookworm's User-Mode Linux, unpacked into the cache and not installed. */
export function packagedKernelStep(cacheDir: string): Step {
  const target = folder(cacheDir);
  return {
    title: `kernel 6.1: ${packageName} of Debian ${suite}`,
    isDone: () => existsSync(target),
    run: (tools) =>
      tools.makeFolder(target, async (temporary) => {
        const work = join(temporary, 'work');
        mkdirSync(work);
        await downloadPackage(tools, suite, packageName, work);
        const file = readdirSync(work).find((name) => name.endsWith('.deb')) ?? '';
        await tools.command(['dpkg-deb', '--extract', join(work, file), work]);
        renameSync(join(work, 'usr/bin/linux.uml'), join(temporary, 'linux'));
        renameSync(join(work, 'usr/lib/uml/modules'), join(temporary, 'modules'));
        const [release = ''] = readdirSync(join(temporary, 'modules'));
        writeFileSync(join(temporary, 'release'), release);
        await tools.command(['rm', '-r', work]);
      }),
    remedy: `The mirror of this machine's own packages must also have Debian ${suite}.`,
  };
}

export function packagedKernel(cacheDir: string, why: string): KernelChoice {
  const release = readFileSync(join(folder(cacheDir), 'release'), 'utf8').trim();
  return {
    name: '6.1',
    release,
    program: join(folder(cacheDir), 'linux'),
    modulesDir: join(folder(cacheDir), 'modules', release),
    why,
  };
}
