import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readCacheDir, readWantedKernel } from './config.ts';
import { hostKernel, probeHostKernel } from './host-kernel.ts';
import { buildPackages, builtKernel, builtKernelStep, isBuilt } from './kernel-built.ts';
import { chooseKernel } from './kernel-choice.ts';
import { packagedKernel, packagedKernelStep } from './kernel-packaged.ts';
import { packagesStep } from './packages.ts';
import { rootFolder, rootStep } from './root.ts';
import { createRunner } from './runner.ts';
import type { KernelChoice, KernelName, SetUp, Step } from './types.ts';

export { SetUpFailure } from './failure.ts';
export type { KernelChoice, KernelName, SetUp } from './types.ts';

export interface Wanted {
  /** Overrides LAB_KERNEL. */
  kernel?: KernelName;
  /** `npm start`: take the packaged kernel while the latest is not built. */
  preferReady?: boolean;
  /** Where the one line per step goes; stdout by default. */
  print?: (text: string) => void;
}

/**
 * Makes what the lab needs and is not there yet, and chooses the kernel. With everything there it takes a tenth
 * of a second. Throws SetUpFailure, whose message is for the reader.
 */
export async function setUp(wanted: Wanted = {}): Promise<SetUp> {
  const cacheDir = readCacheDir();
  const print = wanted.print ?? ((text: string) => void process.stdout.write(text));
  const runner = createRunner(cacheDir, print);
  const root = rootFolder(cacheDir);
  const rootPackages = ['mmdebstrap', 'debian-archive-keyring', 'xz-utils', 'util-linux'];
  await runner.run([
    packagesStep(rootPackages, () => !existsSync(root)),
    rootStep(cacheDir),
    ...(await bundleSteps()),
  ]);

  const choice = wanted.kernel ?? readWantedKernel();
  const { name, why } = chooseKernel({
    wanted: choice,
    hostLacks: choice === undefined || choice === 'host' ? probeHostKernel(root) : [],
    latestIsBuilt: isBuilt(cacheDir),
    prefer: wanted.preferReady === true ? 'ready' : 'latest',
  });
  await runner.run(kernelSteps(name, cacheDir));
  return { cacheDir, root, kernel: describeKernel(name, cacheDir, why) };
}

function kernelSteps(name: KernelName, cacheDir: string): Step[] {
  if (name === 'host') return [];
  if (name === '6.1') return [packagedKernelStep(cacheDir)];
  return [packagesStep(buildPackages, () => !isBuilt(cacheDir)), builtKernelStep(cacheDir)];
}

function describeKernel(name: KernelName, cacheDir: string, why: string): KernelChoice {
  if (name === 'host') return hostKernel(why);
  return name === '6.1' ? packagedKernel(cacheDir, why) : builtKernel(cacheDir, why);
}

/** The bundles of the programs, which containers run: bundle.ts says itself how they are made. */
async function bundleSteps(): Promise<Step[]> {
  const file = join(import.meta.dirname, 'bundle.ts');
  if (!existsSync(file)) return [];
  const { bundleStep }: { bundleStep?: () => Step } = await import(file);
  return bundleStep === undefined ? [] : [bundleStep()];
}
