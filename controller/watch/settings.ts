import type { Problem } from '../../common/problem.ts';
import type { Settings } from '../../common/settings.ts';
import { watchSettings } from '../../common/settings-file.ts';
import { watchTemplates } from './templates.ts';

/** What the operator mounts: the settings, and the texts of templates that replace the default ones. */
export interface WatchedSettings {
  settings: Settings;
  /** by file name (`ipvs.conf.hbs`); those that are not there are left out */
  templates: Record<string, string>;
}

export interface SettingsSource {
  /** onFailure: what was given last stays, and why */
  start(
    onChange: (watched: WatchedSettings) => void,
    onFailure: (problems: Problem[]) => void,
  ): Promise<void>;
  stop(): Promise<void>;
}

export function createSettingsSource(options: { file: string; templatesDirectory: string }): SettingsSource {
  const watchers: { close(): Promise<void> }[] = [];
  return {
    async start(onChange, onFailure) {
      let settings: Settings | undefined;
      let templates: Record<string, string> | undefined;
      const give = () => {
        if (settings !== undefined && templates !== undefined) onChange({ settings, templates });
      };
      watchers.push(
        await watchTemplates(options.templatesDirectory, {
          onTemplates(texts) {
            templates = texts;
            give();
          },
          onFailure: (problem) => onFailure([problem]),
        }),
        await watchSettings(options.file, {
          onSettings(read) {
            settings = read;
            give();
          },
          onRefused: onFailure,
        }),
      );
    },
    async stop() {
      await Promise.all(watchers.map((watcher) => watcher.close()));
    },
  };
}
