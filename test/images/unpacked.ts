/** The images as built, unpacked on this machine, and their programs run there as a container would. */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageArchive, imageArchives } from '../../lab/images/archives.ts';

export interface ImageFile {
  /** From the image's root, as `/usr/bin/ip`. */
  path: string;
  mode: number;
  kind: 'file' | 'folder' | 'link';
  size: number;
}

export interface RunOptions {
  uid?: number;
  /** Kept of all capabilities, as `net_admin`. */
  capabilities?: string[];
  env?: Record<string, string>;
  /** Directories that are writable, as an emptyDir there is. */
  writable?: string[];
  /** Files, by path, that are put there before: in writable directories. */
  files?: Record<string, string>;
  /** Shell words on this machine, in the container's network, before the program. */
  before?: string;
}

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface UnpackedImage extends ImageArchive {
  layers: string[];
  config: { User: string; Entrypoint: string[]; Env: string[]; Labels: Record<string, string> };
  files: ImageFile[];
  bytes: number;
  /** Read-only root, no new privileges, namespaces of its own; only stdout and stderr are shared with this process. */
  run(command: string[], options?: RunOptions): Ran;
}

const directory = mkdtempSync(join(tmpdir(), 'portable-lb-images-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

export async function unpackImages(): Promise<Record<string, UnpackedImage>> {
  const archives = await imageArchives();
  return Object.fromEntries(archives.map((archive) => [archive.name, unpack(archive)]));
}

function unpack(archive: ImageArchive): UnpackedImage {
  const folder = join(directory, archive.name);
  const root = join(folder, 'root');
  mkdirSync(root, { recursive: true });
  command(['tar', '-xf', archive.file, '-C', folder]);
  const [manifest] = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  if (!manifest.RepoTags.includes(archive.reference))
    throw new Error(`${archive.file}: ${manifest.RepoTags}`);
  for (const layer of manifest.Layers)
    command(['tar', '-xf', join(folder, layer), '-C', root, '--numeric-owner']);
  const { config } = JSON.parse(readFileSync(join(folder, manifest.Config), 'utf8'));
  const files = list(root);
  return {
    ...archive,
    layers: manifest.Layers,
    config,
    files,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    run: (words, options) => run(root, config, words, options),
  };
}

/** Links are not followed: they are the image's, and would lead to this machine's files. */
function list(root: string, folder = '/'): ImageFile[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    const found = lstatSync(join(root, path));
    const kind = found.isSymbolicLink() ? 'link' : found.isDirectory() ? 'folder' : 'file';
    const own = { path, kind, mode: found.mode & 0o7777, size: found.isFile() ? found.size : 0 } as const;
    return kind === 'folder' ? [own, ...list(root, path)] : [own];
  });
}

/** capsh enters the root, gives up what is not kept and becomes the user without needing anything in the image. */
function run(root: string, config: UnpackedImage['config'], words: string[], options: RunOptions = {}): Ran {
  const { uid = 0, capabilities = [], env = {}, writable = [], files = {}, before = 'true' } = options;
  const path = /^PATH=(.*)$/m.exec(config.Env.join('\n'))?.[1] ?? '';
  const program = find(root, words[0] ?? '', path);
  const dropped = allCapabilities().filter((name) => !capabilities.includes(name));
  const steps = [
    'set -e',
    'mount --make-rprivate /',
    `mount --bind ${root} ${root} && mount -o remount,ro,bind ${root}`,
    `mount -t proc proc ${root}/proc`,
    ...writable.map((at) => `mount -t tmpfs -o mode=0777 tmpfs ${root}${at}`),
    ...Object.entries(files).map(([file, text]) => `printf %s ${quote(text)} >${root}${file}`),
    'ip link set lo up',
    before,
    `exec env -i ${[...config.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)].map(quote).join(' ')} ` +
      `/usr/sbin/capsh --drop=${dropped.map((name) => `cap_${name}`).join(',')} --no-new-privs --chroot=${root} ` +
      `--groups=${uid} --gid=${uid} --uid=${uid} --shell=${program} -- ${words.slice(1).map(quote).join(' ')}`,
  ];
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--net', '--ipc', '--uts'];
  const done = spawnSync('unshare', [...namespaces, 'sh', '-c', steps.join('\n')], {
    encoding: 'utf8',
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}

function find(root: string, program: string, path: string): string {
  if (program.startsWith('/')) return program;
  const folder = path
    .split(':')
    .find((name) => spawnSync('test', ['-e', `${root}${name}/${program}`]).status === 0);
  if (folder === undefined) throw new Error(`no ${program} in PATH of the image`);
  return `${folder}/${program}`;
}

let known: string[] | undefined;
function allCapabilities(): string[] {
  known ??= command(['setpriv', '--list-caps']).trim().split('\n');
  return known;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function command([program = '', ...args]: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
