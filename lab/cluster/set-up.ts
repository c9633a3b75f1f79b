import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hostKernel } from '../setup/host-kernel.ts';
import { downloadPackage } from '../setup/mirror.ts';
import { packagesStep } from '../setup/packages.ts';
import { createRunner } from '../setup/runner.ts';
import { setUp } from '../setup/steps.ts';
import type { SetUp, Step } from '../setup/types.ts';
import { databasesRoot } from './images/databases.ts';
import { imagesDisk, imagesDiskStep } from './images/disk.ts';
import { labImagesFolder, labImagesStep } from './images/lab-images.ts';
import { goBuildStep, programFolder } from './tools/go-build.ts';
import { allPrograms } from './tools/programs.ts';

export interface ClusterSetUp {
  /** Where control plane, router and client are: namespaces of the machine's own kernel. */
  site: SetUp;
  /** What nodes run on. */
  guest: SetUp;
  /** Folder of all programs. */
  bin: string;
  /** Folder of the CNI's plug-ins. */
  cni: string;
  /** What every node's disk begins as. */
  disk: string;
  /** A root with psql, pgbench and redis-cli. */
  databases: string;
}

const pluginsPackage = 'containernetworking-plugins';

/** Makes what a cluster needs and is not there yet; `archives` are the images beside the cluster's own. */
export async function setUpCluster(archives: string[]): Promise<ClusterSetUp> {
  const print = (text: string) => void process.stdout.write(text);
  const guest = await setUp({ kernel: 'latest', print });
  const { cacheDir, root } = guest;
  const runner = createRunner(cacheDir, print);
  // One by one, so that another set-up gets its turn between them.
  for (const programs of allPrograms) await runner.run([goBuildStep(cacheDir, programs)]);
  const images = labImagesFolder(cacheDir);
  await runner.run([
    packagesStep(
      ['gcc', 'libc6-dev', 'e2fsprogs', 'mmdebstrap', 'debian-archive-keyring'],
      () => !existsSync(images),
    ),
    pluginsStep(cacheDir),
    labImagesStep(cacheDir, root),
  ]);
  const all = [...archivesIn(images), ...archives].sort();
  await runner.run([imagesDiskStep(cacheDir, all)]);
  return {
    site: { ...guest, kernel: hostKernel('the control plane needs no IPVS') },
    guest,
    bin: programFolder(cacheDir),
    cni: join(pluginsFolder(cacheDir), 'usr/lib/cni'),
    disk: imagesDisk(cacheDir, all),
    databases: databasesRoot(images),
  };
}

export function archivesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.tar'))
    .map((name) => join(folder, name));
}

function pluginsFolder(cacheDir: string): string {
  return join(cacheDir, 'cni-plugins-1');
}

function pluginsStep(cacheDir: string): Step {
  const target = pluginsFolder(cacheDir);
  return {
    title: `the CNI's plug-ins: ${pluginsPackage} of Debian trixie`,
    isDone: () => existsSync(target),
    run: (tools) =>
      tools.makeFolder(target, async (folder) => {
        await downloadPackage(tools, 'trixie', pluginsPackage, folder);
        const file = readdirSync(folder).find((name) => name.endsWith('.deb')) ?? '';
        await tools.command(['dpkg-deb', '--extract', join(folder, file), folder]);
        rmSync(join(folder, 'apt'), { recursive: true });
        rmSync(join(folder, file));
      }),
    remedy: `The mirror of this machine's own packages must have ${pluginsPackage} in Debian trixie.`,
  };
}

/** What programs in the cluster's own namespaces have to know of ours. */
export function siteEnvironment({ site }: ClusterSetUp): Record<string, string> {
  return { XDG_CACHE_HOME: dirname(site.cacheDir) };
}

/** From the machine to what runs in the cluster's own namespaces. */
export function writeSetUp(runDir: string, made: ClusterSetUp): void {
  writeFileSync(join(runDir, 'set-up.json'), JSON.stringify(made));
}

export function readSetUp(runDir: string): ClusterSetUp {
  return JSON.parse(readFileSync(join(runDir, 'set-up.json'), 'utf8'));
}
