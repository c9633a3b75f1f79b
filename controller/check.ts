/** `--check`: says what is wrong with settings and templates, or prints what would be rendered; changes nothing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs } from '../common/clock.ts';
import { readSettings, type Settings } from '../common/settings.ts';
import type { Config } from './config.ts';
import { emptyMarks } from './core/marks.ts';
import { compileTemplates } from './core/render.ts';
import type { RenderedFiles, Snapshot } from './core/types.ts';
import { problems } from './errors.ts';
import { openKeepalivedFiles } from './keepalived/files.ts';
import { createPlanner } from './plan.ts';
import { sampleSnapshot } from './sample-snapshot.ts';
import { readTemplates, templateSources } from './templates.ts';
import { readSnapshot } from './watch/files.ts';

/** Exit code 0: everything is accepted; 1: something is refused, and standard error says what. */
export async function check(config: Config): Promise<number> {
  let complaints = 0;
  const complain = ({ message }: Error) => {
    complaints += 1;
    process.stderr.write(`${message}\n`);
  };
  const { settings, problems: against = [] } = await readSettings(config.settingsFile);
  against.forEach(complain);
  if (settings) await checkRendering(config, settings, complain).catch(complain);
  return complaints > 0 ? 1 : 0;
}

async function checkRendering(config: Config, settings: Settings, complain: (problem: Error) => void) {
  const texts = await readTemplates(config.templatesDirectory);
  const templates = compileTemplates(templateSources(texts, config.templatesDirectory));
  const snapshot = await snapshotFor(config, settings, complain);
  // a class may pick none
  if (!snapshot.service && snapshot.absence) return complain(problems.NONE_SELECTED(snapshot.absence));
  const planner = createPlanner({
    marks: emptyMarks(),
    notifyFifo: join(config.runDirectory, 'notify.fifo'),
    announced: async () => undefined,
    saveMarks: async () => undefined,
  });
  const plan = await planner.plan({ settings, templates }, snapshot, monotonicMs());
  if ('refused' in plan) return plan.refused.forEach(complain);
  for (const note of [...(snapshot.notes ?? []), ...plan.notes]) process.stderr.write(`${note.message}\n`);
  for (const [file, text] of Object.entries(plan.files)) process.stdout.write(`# --- ${file}\n${text}\n`);
  await askKeepalived(plan.files, complain);
}

/** The manifests'; of settings that follow the API server, and with no manifests, a sample that the templates must bear. */
async function snapshotFor(
  { manifestsDirectory }: Config,
  settings: Settings,
  complain: (problem: Error) => void,
): Promise<Snapshot> {
  const { source, files } = settings.endpoints;
  if (manifestsDirectory !== undefined || source === 'files')
    return readSnapshot(manifestsDirectory ?? files.directory, settings.service, complain);
  process.stderr.write(
    'endpoints come from the API server: a sample Service is rendered, name manifests with --manifests to render those\n',
  );
  const { namespace, name = 'sample' } = settings.service;
  return sampleSnapshot({ service: { namespace, name }, vip: settings.vip });
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
