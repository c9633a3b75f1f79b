import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { aptNetworkOptions, sourceLine } from '../../setup/mirror.ts';
import type { StepTools } from '../../setup/types.ts';
import { writeArchive } from './archive.ts';
import { addBusybox } from './busybox.ts';

export const databasesImage = 'lab.local/databases:1';

const packages = ['redis-server', 'postgresql-17'];
const postgres = '/usr/lib/postgresql/17';
const programs = [
  ...['/usr/bin/redis-server', '/usr/bin/redis-cli'],
  ...['postgres', 'initdb', 'psql', 'pgbench', 'pg_isready'].map((name) => `${postgres}/bin/${name}`),
  ...['plpgsql', 'dict_snowball', 'libpqwalreceiver'].map((name) => `${postgres}/lib/${name}.so`),
];
/** Neither Redis nor PostgreSQL likes root. */
const uid = 999;

/** What the image is made of; also the clients' programs, for `chroot` beside the client. */
export function databasesRoot(imagesFolder: string): string {
  return join(imagesFolder, 'databases');
}

/** PostgreSQL and Redis with their clients, as Debian builds them. */
export async function makeDatabases(tools: StepTools, folder: string): Promise<void> {
  const debian = join(folder, 'databases-debian');
  await extract(tools, debian);
  const root = databasesRoot(folder);
  mkdirSync(join(root, 'bin'), { recursive: true });
  await tools.command(['sh', join(import.meta.dirname, 'copy-programs.sh'), debian, root, ...programs]);
  cpSync(join(debian, 'usr/share/postgresql/17'), join(root, 'usr/share/postgresql/17'), { recursive: true });
  rmSync(debian, { recursive: true });
  await addBusybox(tools, folder, root);
  for (const name of ['tmp', 'etc', 'proc', 'sys', 'dev']) mkdirSync(join(root, name), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  writeFileSync(
    join(root, 'etc/passwd'),
    `root:x:0:0:root:/:/bin/sh\ndatabase:x:${uid}:${uid}::/tmp:/bin/sh\n`,
  );
  writeFileSync(join(root, 'etc/group'), `root:x:0:\ndatabase:x:${uid}:\n`);
  copyFileSync(join(import.meta.dirname, 'serve-database.sh'), join(root, 'bin/serve-database'));
  chmodSync(join(root, 'bin/serve-database'), 0o755);
  await initialize(tools, root);
  const config = {
    Entrypoint: ['/bin/serve-database'],
    Env: [`PATH=${postgres}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`],
    User: `${uid}:${uid}`,
    // PostgreSQL's fast shutdown; Redis takes it too.
    StopSignal: 'SIGINT',
  };
  // PostgreSQL takes only a folder of its own.
  await writeArchive(
    tools,
    { name: databasesImage, root, config, owner: uid },
    join(folder, 'databases.tar'),
  );
}

/** An empty database, made here: in a guest it takes half a minute, and copying it as long on a busy machine. */
async function initialize(tools: StepTools, root: string): Promise<void> {
  const data = '/tmp/data';
  const target = '/usr/share/postgres-data';
  const initdb = `${postgres}/bin/initdb --pgdata=${data} --auth=trust --username=postgres --no-locale --encoding=UTF8 --wal-segsize=1`;
  const script = [
    `mount --bind /dev ${root}/dev`,
    `chroot --userspec=${uid}:${uid} ${root} ${initdb} --no-sync --no-instructions`,
    `echo 'host all all 0.0.0.0/0 trust' >> ${root}${data}/pg_hba.conf`,
    `mv ${root}${data} ${root}${target}`,
  ];
  await tools.command(['sh', '-e', '-c', script.join('\n')]);
}

/** Packages with all they depend on, unpacked and not configured. */
async function extract(tools: StepTools, target: string): Promise<void> {
  const options = [
    ...aptNetworkOptions().map((line) => `--aptopt=${line}`),
    '--aptopt=APT::Sandbox::User "root"',
    '--aptopt=APT::Install-Recommends "false"',
    '--dpkgopt=path-exclude=/usr/share/doc/*',
  ];
  await tools.command(
    [
      ...[
        'mmdebstrap',
        '--mode=root',
        '--variant=extract',
        '--format=directory',
        '--skip=check/qemu',
        ...options,
      ],
      ...[`--include=${packages.join(',')}`, 'trixie', target, '-'],
    ],
    { stdin: sourceLine('trixie') },
  );
  // The links that Debian's base-files makes.
  for (const name of ['bin', 'sbin', 'lib', 'lib64'])
    if (!existsSync(join(target, name))) symlinkSync(`usr/${name}`, join(target, name));
}
