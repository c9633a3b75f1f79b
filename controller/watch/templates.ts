import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { problems } from '../../common/errors.ts';
import { describeSystemError, watchPath } from '../../common/files.ts';
import { createOnce, keepLooking, type Look } from '../../common/looking.ts';
import { type Problem, systemCode } from '../../common/problem.ts';
import { SettledFile } from '../../common/settled-file.ts';

export interface TemplateHandlers {
  /** the texts by file name; at first, and when one changed. No directory holds no templates. */
  onTemplates(texts: Record<string, string>): void;
  /** what was read last of that file stays; told once */
  onFailure(problem: Problem): void;
}

/**
 * Follows the directory of the operator's templates (`*.hbs`). Whether a text is any good is not seen here. Before
 * every file was read once nothing is given: the default must not replace what an earlier run made of a template.
 */
export async function watchTemplates(
  directory: string,
  { onTemplates, onFailure }: TemplateHandlers,
): Promise<{ close(): Promise<void> }> {
  const followed = new Map<string, { file: SettledFile; text?: string }>();
  const tellOnce = createOnce(onFailure);
  let given: string | undefined;

  async function look(): Promise<Look> {
    const looks: Look[] = [];
    const awaited: string[] = [];
    try {
      for (const name of await namesIn(directory)) {
        if (!followed.has(name))
          followed.set(name, { file: new SettledFile(join(directory, name), () => undefined) });
      }
      tellOnce('directory');
    } catch (error) {
      tellOnce('directory', problems.FILE_UNREADABLE(directory, describeSystemError(error)));
      looks.push('failing');
      awaited.push('it');
    }
    for (const name of [...followed.keys()].sort()) looks.push(await readOne(name));
    const unsettled = looks.includes('unsettled');
    for (const [name, { text }] of followed) if (text === undefined) awaited.push(name);
    const tooEarly = given === undefined && awaited.length > 0;
    tellOnce('awaited', tooEarly && !unsettled ? problems.TEMPLATES_AWAITED(directory, awaited) : undefined);
    if (!tooEarly) give();
    tellOnce('look');
    return unsettled ? 'unsettled' : looks.includes('failing') ? 'failing' : 'settled';
  }

  async function readOne(name: string): Promise<Look> {
    const one = followed.get(name);
    const reading = await one?.file.read();
    if (reading?.state === 'absent') followed.delete(name);
    if (reading?.state === 'whole' && one !== undefined) one.text = reading.text;
    tellOnce(name, reading?.state === 'refused' ? reading.problem : undefined);
    if (reading?.state === 'refused') return 'failing';
    return reading?.state === 'unsettled' ? 'unsettled' : 'settled';
  }

  function give(): void {
    const texts: Record<string, string> = {};
    for (const name of [...followed.keys()].sort()) {
      const text = followed.get(name)?.text;
      if (text !== undefined) texts[name] = text;
    }
    const canonical = JSON.stringify(texts);
    if (canonical === given) return;
    given = canonical;
    onTemplates(texts);
  }

  const looking = keepLooking(look, (problem) => tellOnce('look', problem));
  looking.now();
  const watcher = await watchPath(directory, looking.now);
  looking.now();
  return {
    async close() {
      await watcher.close();
      await looking.stop();
    },
  };
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => /^[^.].*\.hbs$/.test(name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
