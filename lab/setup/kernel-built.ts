import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { refusedLines } from './kernel-config.ts';
import { downloadPackage } from './mirror.ts';
import type { KernelChoice, Step, StepTools } from './types.ts';

const suite = 'forky';
const series = '7.2';
const packageName = `linux-source-${series}`;
const kernelFolder = join(import.meta.dirname, '..', 'kernel');
const configFile = join(kernelFolder, 'lab-kernel.config');
/** Of bugs that the lab ran into; each says in its head what happens without it. */
const patchFolder = join(kernelFolder, 'patches');
/** To be raised when something else than the source, the configuration and the patches changes what is built. */
const recipe = 1;

export const buildPackages = [
  'gcc',
  'make',
  'libc6-dev',
  'flex',
  'bison',
  'bc',
  'libelf-dev',
  'libssl-dev',
  'patch',
  'xz-utils',
  'perl',
];

function patchFiles(): string[] {
  return readdirSync(patchFolder)
    .sort()
    .map((name) => join(patchFolder, name));
}

function folder(cacheDir: string): string {
  const sources = [configFile, ...patchFiles()].map((file) => readFileSync(file, 'utf8'));
  const key = createHash('sha256')
    .update([recipe, ...sources].join('\n'))
    .digest('hex')
    .slice(0, 12);
  return join(cacheDir, `kernel-${series}-${key}`);
}

export function isBuilt(cacheDir: string): boolean {
  return existsSync(folder(cacheDir));
}

/** User-Mode Linux built from Debian's kernel source with all that the lab needs, without modules. */
export function builtKernelStep(cacheDir: string): Step {
  const target = folder(cacheDir);
  return {
    title: `kernel ${series}: built from ${packageName} of Debian ${suite}, about 6 min on two processors`,
    isDone: () => isBuilt(cacheDir),
    run: (tools) => tools.makeFolder(target, (temporary) => build(tools, temporary)),
    remedy: `The mirror must have ${packageName} in Debian ${suite}, and ${cacheDir} needs 4 GB while it builds. LAB_KERNEL=6.1 does without this kernel.`,
  };
}

async function build(tools: StepTools, temporary: string): Promise<void> {
  const work = join(temporary, 'work');
  const source = join(work, 'source');
  mkdirSync(source, { recursive: true });
  await downloadPackage(tools, suite, packageName, work);
  const file = readdirSync(work).find((name) => name.endsWith('.deb')) ?? '';
  await tools.command(['dpkg-deb', '--extract', join(work, file), work]);
  const archive = join(work, 'usr/src', `${packageName}.tar.xz`);
  await tools.command(['tar', '--extract', '--file', archive, '--strip-components=1', '--directory', source]);
  for (const patch of patchFiles())
    await tools.command(['patch', '--strip=1', '--fuzz=0', `--input=${patch}`], { cwd: source });

  const env = { KBUILD_BUILD_USER: 'lab', KBUILD_BUILD_HOST: 'portable-lb' };
  const make = (...args: string[]) => tools.command(['make', 'ARCH=um', ...args], { cwd: source, env });
  const config = join(source, '.config');
  const wanted = readFileSync(configFile, 'utf8');
  await make('x86_64_defconfig');
  writeFileSync(config, `${readFileSync(config, 'utf8')}\n${wanted}`);
  await make('olddefconfig');
  const refused = refusedLines(wanted, readFileSync(config, 'utf8'));
  if (refused.length > 0) {
    throw new Error(
      `this source does not take ${refused.join(', ')} of ${configFile}: an option was renamed or lacks what it depends on`,
    );
  }
  await make(`-j${availableParallelism()}`, 'linux');
  await make('-s', 'kernelrelease');

  renameSync(join(source, 'linux'), join(temporary, 'linux'));
  renameSync(config, join(temporary, 'config'));
  const release = readFileSync(join(source, 'include/config/kernel.release'), 'utf8').trim();
  writeFileSync(join(temporary, 'release'), release);
  // Which version of the package it was: Debian's own revision is in the name of the file.
  writeFileSync(join(temporary, 'source'), `${file}\n`);
  await tools.command(['rm', '-r', work]);
}

export function builtKernel(cacheDir: string, why: string): KernelChoice {
  const release = readFileSync(join(folder(cacheDir), 'release'), 'utf8').trim();
  return { name: 'latest', release, program: join(folder(cacheDir), 'linux'), why };
}
