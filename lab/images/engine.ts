/** docker, podman or buildah: what each is asked for differs in words only. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { SetUpFailure } from '../setup/failure.ts';
import { checkout, type ImagePlan } from './plan.ts';

export const engineNames = ['docker', 'podman', 'buildah'] as const;
export type EngineName = (typeof engineNames)[number];

/** Runs a command to its end; throws when it fails. */
export type Run = (argv: string[]) => Promise<void>;

export interface Engine {
  readonly name: EngineName;
  build(image: ImagePlan, reference: string, version: string): Promise<void>;
  /** A docker-archive, which every engine and `ctr images import` takes, with the image's full name in it. */
  save(reference: string, file: string): Promise<void>;
  push(reference: string): Promise<void>;
}

/** `prefix`: docker, podman, or buildah with its storage; `buildOptions`: for this machine only. */
export function engine(
  name: EngineName,
  run: Run,
  prefix: string[] = [name],
  buildOptions: string[] = [],
): Engine {
  const isBuildah = name === 'buildah';
  return {
    name,
    build: ({ dockerfile, target }, reference, version) =>
      run([
        ...prefix,
        'build',
        ...(isBuildah ? ['--layers'] : []),
        ...buildOptions,
        ...['--file', join(checkout, dockerfile), '--target', target],
        // not by a build argument: buildah takes a cached layer although its value differs
        ...['--label', `org.opencontainers.image.version=${version}`, '--tag', reference],
        checkout,
      ]),
    save: (reference, file) =>
      run(
        isBuildah
          ? [...prefix, 'push', '--quiet', reference, `docker-archive:${file}:${reference}`]
          : [...prefix, 'save', '--output', file, reference],
      ),
    push: (reference) => run([...prefix, 'push', reference]),
  };
}

/** The first engine that works here: a docker without its daemon does not. */
export function findEngine(wanted?: EngineName): EngineName {
  const tried = wanted === undefined ? engineNames : [wanted];
  const found = tried.find((name) => whyUnusable(name) === undefined);
  if (found !== undefined) return found;
  const reasons = tried.map((name) => `  ${name}: ${whyUnusable(name)}`).join('\n');
  throw new SetUpFailure(
    `No engine to build images with:\n${reasons}\nInstall one (Debian: apt-get install buildah) or start its daemon, then run the same command again.`,
  );
}

function whyUnusable(name: EngineName): string | undefined {
  // `docker info` ends with 0 or 1 by version when only its daemon is missing; a question to the server does not
  const question = name === 'docker' ? ['version', '--format', '{{.Server.Version}}'] : ['info'];
  const { error, status, stderr } = spawnSync(name, question, { encoding: 'utf8', timeout: 20_000 });
  if (error !== undefined) return error.message.includes('ENOENT') ? 'not installed' : error.message;
  return status === 0 ? undefined : stderr.trim().split('\n').at(-1);
}
