import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Watcher, watchPath } from '../../common/files.ts';
import type { Problem } from '../../common/problem.ts';
import { readSettings, type Settings } from '../../common/settings.ts';

/** What the operator mounts: the settings, and the texts of templates that replace the default ones. */
export interface WatchedSettings {
  settings: Settings;
  /** by file name (`ipvs.conf.hbs`); those that are not there are left out */
  templates: Record<string, string>;
}

export interface SettingsSource {
  start(
    onChange: (watched: WatchedSettings) => void,
    onFailure: (problems: Problem[]) => void,
  ): Promise<void>;
  stop(): Promise<void>;
}

export function createSettingsSource(options: { file: string; templatesDirectory: string }): SettingsSource {
  const watchers: Watcher[] = [];
  let last = '';
  async function scan(
    onChange: (watched: WatchedSettings) => void,
    onFailure: (problems: Problem[]) => void,
  ) {
    const read = await readSettings(options.file);
    if (read.settings === undefined) return onFailure(read.problems);
    const templates: Record<string, string> = {};
    for (const name of await readdir(options.templatesDirectory).catch(() => [])) {
      if (/^[^.].*\.hbs$/.test(name))
        templates[name] = await readFile(join(options.templatesDirectory, name), 'utf8');
    }
    const watched = { settings: read.settings, templates };
    const text = JSON.stringify(watched);
    if (text === last) return;
    last = text;
    onChange(watched);
  }
  return {
    async start(onChange, onFailure) {
      const run = () => void scan(onChange, onFailure);
      watchers.push(await watchPath(options.file, run));
      run();
    },
    async stop() {
      for (const watcher of watchers) await watcher.close();
    },
  };
}
