/** Which template renders what: the operator's file where there is one, else the default. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { problems } from '../common/errors.ts';
import { describeSystemError, readText } from '../common/files.ts';
import { systemCode } from '../common/problem.ts';
import type { TemplateSource } from './core/types.ts';
import { mainTemplate, virtualServiceTemplate } from './templates/defaults.ts';

const mainFile = 'ipvs.conf.hbs';
const virtualServiceFile = 'virtual-service.conf.hbs';

/** `texts` by file name; a name that is not one of the two is not a template of ours. */
export function templateSources(texts: Readonly<Record<string, string>>, directory: string) {
  const choose = (name: string, given: TemplateSource): TemplateSource => {
    const own = texts[name];
    return own === undefined ? given : { fileName: join(directory, name), text: own };
  };
  return {
    main: choose(mainFile, mainTemplate),
    virtualService: choose(virtualServiceFile, virtualServiceTemplate),
  };
}

/** The operator's templates as they are now; a directory that is not there holds none. Throws a Problem. */
export async function readTemplates(directory: string): Promise<Record<string, string>> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw problems.FILE_UNREADABLE(directory, describeSystemError(error));
  });
  const own = names.filter((name) => name === mainFile || name === virtualServiceFile);
  const texts = await Promise.all(own.map((name) => readText(join(directory, name))));
  return Object.fromEntries(own.map((name, i) => [name, texts[i] ?? '']));
}
