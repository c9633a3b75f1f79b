import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { nginxConfig, writeSite } from '../../roles/nginx.ts';
import type { Step, StepTools } from '../../setup/types.ts';
import { pauseImage } from '../node/containerd.ts';
import { builtFolder, programFolder } from '../tools/go-build.ts';
import { corednsPrograms, skipperPrograms } from '../tools/programs.ts';
import { writeArchive } from './archive.ts';
import { addBusybox } from './busybox.ts';
import { makeDatabases } from './databases.ts';

export const serverImage = 'lab.local/server:1';
export const dnsImage = 'lab.local/coredns:1';
export const skipperImage = 'lab.local/skipper:1';

/** To be raised when something else than the files here changes what the images are. */
const recipe = 1;
const sources = [
  'pause.c',
  'serve.sh',
  'serve-database.sh',
  'copy-programs.sh',
  'databases.ts',
  'busybox.ts',
];
/** Who needs no right of root. */
const user = '65534:65534';
const serverPrograms = ['/usr/sbin/nginx', '/usr/bin/curl', '/usr/bin/socat', '/usr/sbin/ip'];

/** One archive an image. */
export function labImagesFolder(cacheDir: string): string {
  const built = [corednsPrograms, skipperPrograms].map((programs) => builtFolder(cacheDir, programs));
  const key = createHash('sha256').update(JSON.stringify([recipe, serverPrograms, serverNginx(), built]));
  for (const name of sources) key.update(readFileSync(join(import.meta.dirname, name)));
  return join(cacheDir, `lab-images-${key.digest('hex').slice(0, 12)}`);
}

/** The images of the cluster that are not the product's: of programs of the lab's own Debian. */
export function labImagesStep(cacheDir: string, root: string): Step {
  const target = labImagesFolder(cacheDir);
  return {
    title: "images of the cluster's own pods (CoreDNS, Skipper, nginx, PostgreSQL, Redis …), about 40 s",
    isDone: () => existsSync(target),
    run: (tools) =>
      tools.makeFolder(target, async (folder) => {
        await makePause(tools, folder);
        const bin = programFolder(cacheDir);
        await makeOfProgram(tools, folder, { image: dnsImage, program: join(bin, 'coredns') });
        await makeOfProgram(tools, folder, { image: skipperImage, program: join(bin, 'skipper'), user });
        await makeServer(tools, folder, root);
        await makeDatabases(tools, folder);
      }),
    remedy: 'It needs gcc, libc6-dev, and busybox-static, postgresql-17 and redis-server of Debian trixie.',
  };
}

async function makePause(tools: StepTools, folder: string): Promise<void> {
  const root = join(folder, 'pause');
  mkdirSync(root);
  const source = join(import.meta.dirname, 'pause.c');
  await tools.command(['gcc', '-Os', '-static', '-s', '-o', join(root, 'pause'), source]);
  const config = { Entrypoint: ['/pause'], User: '65535:65535' };
  await writeArchive(tools, { name: pauseImage, root, config }, join(folder, 'pause.tar'));
  rmSync(root, { recursive: true });
}

/** An image of one static program. */
async function makeOfProgram(
  tools: StepTools,
  folder: string,
  { image, program, user }: { image: string; program: string; user?: string },
): Promise<void> {
  const name = basename(program);
  const root = join(folder, name);
  mkdirSync(root);
  copyFileSync(program, join(root, name));
  const config = { Entrypoint: [`/${name}`], ...(user !== undefined && { User: user }) };
  await writeArchive(tools, { name: image, root, config }, join(folder, `${name}.tar`));
  rmSync(root, { recursive: true });
}

/** nginx that answers as the lab's servers do, and what one looks round with in a pod: busybox, curl, socat, ip. */
async function makeServer(tools: StepTools, folder: string, debian: string): Promise<void> {
  const root = join(folder, 'server');
  mkdirSync(join(root, 'bin'), { recursive: true });
  await tools.command(['sh', join(import.meta.dirname, 'copy-programs.sh'), debian, root, ...serverPrograms]);
  await addBusybox(tools, folder, root);
  const site = join(root, 'site');
  writeSite(site);
  for (const name of ['10', '50']) rmSync(join(site, 'download', name));
  for (const name of ['run', 'tmp', 'etc', 'proc', 'sys', 'dev', 'var/log/nginx', 'var/lib/nginx'])
    mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  writeFileSync(join(root, 'etc/nginx.template'), serverNginx());
  copyFileSync(join(import.meta.dirname, 'serve.sh'), join(root, 'bin/serve'));
  chmodSync(join(root, 'bin/serve'), 0o755);
  // As nginx itself has it: QUIT finishes what it has begun.
  const config = { Entrypoint: ['/bin/serve'], StopSignal: 'SIGQUIT' };
  await writeArchive(tools, { name: serverImage, root, config }, join(folder, 'server.tar'));
  rmSync(root, { recursive: true });
}

/** serve.sh puts the pod's name and the ports in. */
function serverNginx(): string {
  return nginxConfig({ name: '@NAME@', ports: [8080], directory: '/run', siteDir: '/site' });
}
