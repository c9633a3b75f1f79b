/** watch: settings and templates, as the newest whole of both. */
import type { Logger } from '../common/log.ts';
import type { Config } from './config.ts';
import type { Configuration } from './configuration.ts';
import { compileTemplates } from './core/render.ts';
import { createTeller } from './report.ts';
import { templateSources } from './templates.ts';
import { createSettingsSource, type WatchedSettings } from './watch/settings.ts';

export interface Inputs {
  stop(): Promise<void>;
}

export async function watchInputs(
  config: Config,
  log: Logger,
  onConfiguration: (configuration: Configuration) => void,
): Promise<Inputs> {
  const tell = createTeller((text) => log.error('settings', {}, text));

  const onChange = ({ settings, templates: texts }: WatchedSettings) => {
    try {
      const templates = compileTemplates(templateSources(texts, config.templatesDirectory));
      tell([]);
      onConfiguration({ settings, templates });
    } catch (problem) {
      tell([(problem as Error).message]);
    }
  };

  const settings = createSettingsSource({
    file: config.settingsFile,
    templatesDirectory: config.templatesDirectory,
  });
  await settings.start(onChange, (problems) => tell(problems.map((problem) => problem.message)));
  return settings;
}
