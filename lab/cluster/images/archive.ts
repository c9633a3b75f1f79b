import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepTools } from '../../setup/types.ts';

export interface ImageConfig {
  Entrypoint: string[];
  Cmd?: string[];
  Env?: string[];
  User?: string;
  WorkingDir?: string;
  StopSignal?: string;
}

/**
 * A folder as an image of one layer, whose files are all the owner's (root's by default), in the format of `docker save`, which needs no engine to write
 * (https://github.com/moby/docker-image-spec/blob/main/v1.2.md).
 */
export async function writeArchive(
  tools: StepTools,
  image: { name: string; root: string; config: ImageConfig; owner?: number },
  target: string,
): Promise<void> {
  const work = `${target}.work`;
  mkdirSync(work, { recursive: true });
  const layer = join(work, 'layer.tar');
  const reproducible = ['--sort=name', '--mtime=@0', '--numeric-owner'];
  const ownedBy = (id: number) => [`--owner=${id}`, `--group=${id}`];
  const owned = ownedBy(image.owner ?? 0);
  await tools.command(['tar', ...reproducible, ...owned, '-C', image.root, '-cf', layer, '.']);
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], ...image.config },
    rootfs: { type: 'layers', diff_ids: [`sha256:${await sha256(layer)}`] },
  });
  const configFile = `${createHash('sha256').update(config).digest('hex')}.json`;
  writeFileSync(join(work, configFile), config);
  writeFileSync(
    join(work, 'manifest.json'),
    JSON.stringify([{ Config: configFile, RepoTags: [image.name], Layers: ['layer.tar'] }]),
  );
  await tools.command([
    'tar',
    ...reproducible,
    ...ownedBy(0),
    '-C',
    work,
    '-cf',
    target,
    'manifest.json',
    configFile,
    'layer.tar',
  ]);
  await tools.command(['rm', '-r', work]);
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}
