// Builds the images: `npm run images`, see usage.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SetUpFailure } from '../setup/failure.ts';
import { imageArchives } from './archives.ts';
import { type EngineName, engine, engineNames, findEngine } from './engine.ts';
import { defaultRegistry, images, productVersion, reference } from './plan.ts';
import { runAttached } from './run-attached.ts';

const usage = `usage: npm run images -- [options]
  --engine NAME    ${engineNames.join(', ')}   (the first that works here)
  --registry NAME  where the images are to live     (${defaultRegistry})
  --tag TAG                                         (${productVersion()})
  --archives DIR   also write DIR/<image>.tar, for "ctr images import" or "docker load"
  --push           also push them to the registry
  --bases debian   by buildah, from bases made of Debian's packages instead of docker.io's images: needs no registry;
                   only writes archives`;

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isMistyped = ((error as NodeJS.ErrnoException).code ?? '').startsWith('ERR_PARSE_ARGS');
  if (!isMistyped && !(error instanceof SetUpFailure)) throw error;
  console.error((error as Error).message);
  if (isMistyped) console.error(usage);
  process.exitCode = isMistyped ? 2 : 1;
}

async function main(argv: string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args: argv,
    options: { engine: text, registry: text, tag: text, archives: text, bases: text, push: flag, help: flag },
  });
  if (values.help) return console.log(usage);
  const { registry = defaultRegistry, tag = productVersion(), archives, bases = 'public' } = values;
  const directory = archives === undefined ? undefined : resolve(archives);
  if (directory !== undefined) mkdirSync(directory, { recursive: true });
  if (bases === 'debian') return copyArchives(registry, tag, directory, values.push);
  if (bases !== 'public') throw new SetUpFailure(`--bases ${bases}: accepted are public and debian`);

  const builder = engine(findEngine(parseEngine(values.engine)), runAttached);
  console.log(`images: built by ${builder.name}`);
  for (const image of images) {
    const full = reference(image.name, registry, tag);
    await builder.build(image, full, tag);
    if (directory !== undefined) await builder.save(full, join(directory, `${image.name}.tar`));
    if (values.push) await builder.push(full);
  }
  for (const { name } of images) console.log(reference(name, registry, tag));
}

async function copyArchives(registry: string, tag: string, directory?: string, push = false): Promise<void> {
  if (push)
    throw new SetUpFailure('--push goes with the public bases only: what is published starts from them');
  for (const { name, reference: full, file } of await imageArchives({ registry, tag })) {
    if (directory !== undefined) copyFileSync(file, join(directory, `${name}.tar`));
    console.log(`${full} in ${directory === undefined ? file : join(directory, `${name}.tar`)}`);
  }
}

function parseEngine(text?: string): EngineName | undefined {
  const name = engineNames.find((known) => known === text);
  if (text !== undefined && name === undefined)
    throw new SetUpFailure(`--engine ${text}: accepted are ${engineNames.join(', ')}`);
  return name;
}
