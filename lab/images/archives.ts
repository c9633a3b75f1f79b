/** The images as archives in the cache, built from bases of Debian's packages; made once for the same sources. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readCacheDir } from '../setup/config.ts';
import { packagesStep } from '../setup/packages.ts';
import { createRunner } from '../setup/runner.ts';
import type { Step, StepTools } from '../setup/types.ts';
import { basesRecipe, openWorkshop } from './bases.ts';
import { contentKey } from './content.ts';
import { engine } from './engine.ts';
import { baseNames, defaultRegistry, images, productVersion, reference } from './plan.ts';

export interface ImageArchive {
  name: string;
  /** Its full name, as in the charts' default values. */
  reference: string;
  /** A docker-archive. */
  file: string;
}

export interface ArchivesWanted {
  registry?: string;
  tag?: string;
  print?: (text: string) => void;
}

const kept = 3;

/** What the images would be now, whether or not they are built. */
export function plannedArchives(wanted: ArchivesWanted = {}): {
  directory: string;
  archives: ImageArchive[];
} {
  const { registry = defaultRegistry, tag = productVersion() } = wanted;
  const key = contentKey(JSON.stringify([basesRecipe, registry, tag]));
  const directory = join(readCacheDir(), `images-${key}`);
  const archives = images.map(({ name }) => ({
    name,
    reference: reference(name, registry, tag),
    file: join(directory, `${name}.tar`),
  }));
  return { directory, archives };
}

/** Builds what is not there: about a minute from nothing, some seconds after a change of the sources, else nothing. */
export async function imageArchives(wanted: ArchivesWanted = {}): Promise<ImageArchive[]> {
  const { directory, archives } = plannedArchives(wanted);
  const print = wanted.print ?? ((text: string) => void process.stdout.write(text));
  const needed = ['buildah', 'mmdebstrap', 'debian-archive-keyring'];
  const buildStep: Step = {
    title: 'images controller, node-router, bgp-sidecar, route-reflector',
    isDone: () => existsSync(directory),
    run: (tools) => build(tools, directory, archives, wanted.tag ?? productVersion()),
    remedy: `Look at the end of the log, where the build says what it lacks. The mirrors of this machine's packages and of npm must be reached, and ${readCacheDir()} needs 4 GB.`,
  };
  await createRunner(readCacheDir(), print).run([
    packagesStep(needed, () => !existsSync(directory)),
    buildStep,
  ]);
  return archives;
}

async function build(tools: StepTools, directory: string, archives: ImageArchive[], version: string) {
  const workshop = await openWorkshop(tools, readCacheDir(), baseNames());
  try {
    const { buildah, buildOptions } = workshop;
    const maker = engine('buildah', (argv) => tools.command(argv), buildah, buildOptions);
    await tools.makeFolder(directory, async (temporary) => {
      for (const image of images) {
        const full = archives.find(({ name }) => name === image.name)?.reference ?? image.name;
        await maker.build(image, full, version);
        await maker.save(full, join(temporary, `${image.name}.tar`));
      }
    });
    removeOld();
  } finally {
    workshop.close();
  }
}

/** Archives of sources as they were: 500 MB each. The last ones stay, as another checkout may be using them. */
function removeOld(): void {
  const cacheDir = readCacheDir();
  // of builds that were killed: the lock says that nobody else builds
  const isLeftover = (name: string) => /^images-[0-9a-f]{12}\.making-/.test(name);
  for (const name of readdirSync(cacheDir).filter(isLeftover))
    rmSync(join(cacheDir, name), { recursive: true });
  const made = readdirSync(cacheDir)
    .filter((name) => /^images-[0-9a-f]{12}$/.test(name))
    .map((name) => join(cacheDir, name))
    .map((path) => ({ path, atMs: statSync(path).mtimeMs }))
    .sort((a, b) => b.atMs - a.atMs);
  for (const { path } of made.slice(kept)) rmSync(path, { recursive: true });
}
