import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Step, StepTools } from '../../setup/types.ts';
import { findGo } from './go.ts';
import type { GoPrograms } from './programs.ts';

/** To be raised when something else than the module and the list of programs changes what is built. */
const recipe = 1;

/** All programs of the cluster by their names, whatever version the links lead to. */
export function programFolder(cacheDir: string): string {
  return join(cacheDir, 'kubernetes', 'bin');
}

/** Builds programs from their Go module, once for each content of it, and links them into programFolder. */
export function goBuildStep(cacheDir: string, programs: GoPrograms): Step {
  const target = builtFolder(cacheDir, programs);
  return {
    title: programs.title,
    isDone: () => programs.programs.every((name) => isLinked(cacheDir, target, name)),
    run: async (tools) => {
      if (!existsSync(target))
        await tools.makeFolder(target, (folder) => build(tools, cacheDir, programs, folder));
      for (const name of programs.programs) link(cacheDir, target, name);
    },
    remedy: `It needs a Go module proxy ("go env GOPROXY") and 5 GB in the folder of "go env GOCACHE".`,
  };
}

/** Its name changes with all that goes into it. */
export function builtFolder(cacheDir: string, { module, builds }: GoPrograms): string {
  const key = createHash('sha256').update(JSON.stringify([recipe, builds]));
  const files = ['go.mod', 'go.sum', 'main.go'].map((name) => join(module, name));
  for (const file of files.filter((path) => existsSync(path))) key.update(readFileSync(file));
  return join(cacheDir, `${basename(module)}-${key.digest('hex').slice(0, 12)}`);
}

async function build(
  tools: StepTools,
  cacheDir: string,
  { module, builds }: GoPrograms,
  folder: string,
): Promise<void> {
  const go = await findGo(tools, cacheDir);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const env = {
    ...go.env,
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=readonly -trimpath -buildvcs=false',
    // Memory is plenty and time is not: 7 % less work.
    GOGC: '800',
  };
  for (const { packages, ldflags = '-s -w', output } of builds) {
    const place = output === undefined ? `${bin}/` : join(bin, output);
    await tools.command([go.program, 'build', '-ldflags', ldflags, '-o', place, ...packages], {
      cwd: module,
      env,
    });
  }
}

function isLinked(cacheDir: string, target: string, name: string): boolean {
  const path = join(programFolder(cacheDir), name);
  return (
    existsSync(path) && lstatSync(path).isSymbolicLink() && readlinkSync(path) === relative(target, name)
  );
}

function link(cacheDir: string, target: string, name: string): void {
  const path = join(programFolder(cacheDir), name);
  mkdirSync(programFolder(cacheDir), { recursive: true });
  rmSync(path, { force: true });
  symlinkSync(relative(target, name), path);
}

function relative(target: string, name: string): string {
  return join('..', '..', basename(target), 'bin', name);
}
