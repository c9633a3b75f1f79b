import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { downloadPackage } from '../../setup/mirror.ts';
import type { StepTools } from '../../setup/types.ts';

/** From 1.21 on, Go fetches the version that a module names by itself. */
const oldestMinor = 21;
const suite = 'trixie';
const packages = ['golang-1.24-go', 'golang-1.24-src'];

export interface Go {
  program: string;
  env: Record<string, string>;
}

/** The machine's own Go where it is new enough, else Debian trixie's, unpacked into the cache. */
export async function findGo(tools: StepTools, cacheDir: string): Promise<Go> {
  if (isNewEnough(spawnSync('go', ['version'], { encoding: 'utf8' }).stdout ?? ''))
    return { program: 'go', env: {} };
  const folder = join(cacheDir, 'go-1.24');
  if (!existsSync(folder)) {
    await tools.makeFolder(folder, async (temporary) => {
      for (const name of packages) await downloadPackage(tools, suite, name, temporary);
      for (const file of readdirSync(temporary).filter((name) => name.endsWith('.deb')))
        await tools.command(['dpkg-deb', '--extract', join(temporary, file), temporary]);
      await tools.command(['rm', '-r', join(temporary, 'apt')]);
    });
  }
  // Debian keeps what is not machine code below /usr/share and links to it by its absolute path.
  const lib = join(folder, 'usr/lib/go-1.24');
  const share = join(folder, 'usr/share/go-1.24');
  for (const name of ['src', 'pkg/include', 'test', 'misc', 'api', 'VERSION']) {
    if (existsSync(join(share, name)))
      await tools.command(['ln', '-sfn', join(share, name), join(lib, name)]);
  }
  return { program: join(lib, 'bin/go'), env: { GOROOT: lib } };
}

export function isNewEnough(version: string): boolean {
  const minor = /^go version go1\.(\d+)/.exec(version)?.[1];
  return minor !== undefined && Number(minor) >= oldestMinor;
}
