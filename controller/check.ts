/** `--check`: says what is wrong with settings and templates, or prints what would be rendered; changes nothing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs } from '../common/clock.ts';
import { readSettings, type Settings } from '../common/settings.ts';
import type { Config } from './config.ts';
import { emptyMarks } from './core/marks.ts';
import { compileTemplates } from './core/render.ts';
import type { RenderedFiles } from './core/types.ts';
import { openKeepalivedFiles } from './keepalived/files.ts';
import { createPlanner } from './plan.ts';
import { readTemplates, templateSources } from './templates.ts';
import { readSnapshot } from './watch/files.ts';

/** Exit code 0: everything is accepted; 1: something is refused, and standard error says what. */
export async function check(config: Config): Promise<number> {
  let complaints = 0;
  const complain = ({ message }: Error) => {
    complaints += 1;
    process.stderr.write(`${message}\n`);
  };
  const { settings, problems = [] } = await readSettings(config.settingsFile);
  problems.forEach(complain);
  if (settings) await checkRendering(config, settings, complain).catch(complain);
  return complaints > 0 ? 1 : 0;
}

async function checkRendering(config: Config, settings: Settings, complain: (problem: Error) => void) {
  const texts = await readTemplates(config.templatesDirectory);
  const templates = compileTemplates(templateSources(texts, config.templatesDirectory));
  const directory = config.manifestsDirectory ?? settings.endpoints.files.directory;
  if (config.manifestsDirectory === undefined && settings.endpoints.source === 'kubernetes')
    return void process.stderr.write(
      'endpoints come from the API server: name manifests with --manifests to render\n',
    );
  const snapshot = await readSnapshot(directory, settings.service, complain);
  const planner = createPlanner({
    marks: emptyMarks(),
    notifyFifo: join(config.runDirectory, 'notify.fifo'),
    announced: async () => undefined,
    saveMarks: async () => undefined,
  });
  const plan = await planner.plan({ settings, templates }, snapshot, monotonicMs());
  if ('refused' in plan) return plan.refused.forEach(complain);
  for (const note of plan.notes) process.stderr.write(`${note.message}\n`);
  for (const [file, text] of Object.entries(plan.files)) process.stdout.write(`# --- ${file}\n${text}\n`);
  await askKeepalived(plan.files, complain);
}

/** keepalived's own opinion, where it is installed: a laptop without it still gets everything else. */
async function askKeepalived(files: RenderedFiles, complain: (problem: Error) => void) {
  const directory = await mkdtemp(join(tmpdir(), 'portable-lb-check-'));
  try {
    const opened = openKeepalivedFiles(directory);
    const { ok, output } = await opened.test(await opened.stage(files));
    opened.close();
    if (!ok && /ENOENT/.test(output)) process.stderr.write('keepalived is not installed here: not asked\n');
    else if (!ok) complain(new Error(`keepalived refuses this: ${output}`));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
