/** watch: settings and templates, as the newest whole of both. */
import type { Logger } from '../common/log.ts';
import type { Settings } from '../common/settings.ts';
import type { Config } from './config.ts';
import type { Configuration } from './configuration.ts';
import { compileTemplates } from './core/render.ts';
import { withPodPrefixes } from './pod-prefixes.ts';
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

  let toldPrefixes = '';
  const tellPrefixes = ({ vip }: Settings) => {
    const own = config.podPrefixes?.join(', ') ?? '';
    const asked = vip.prefixes.join(', ');
    if (toldPrefixes !== asked)
      log.info(
        'settings',
        { prefixes: config.podPrefixes },
        `vip.prefixes of the settings are ${asked}: this LB pod goes on with ${own}, which the node router knows it by, and the pod that replaces it has the others`,
      );
    toldPrefixes = asked;
  };

  const onChange = ({ settings: read, templates: texts }: WatchedSettings) => {
    try {
      const templates = compileTemplates(templateSources(texts, config.templatesDirectory));
      tell([]);
      const settings = withPodPrefixes(read, config.podPrefixes);
      if (settings !== read) tellPrefixes(read);
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
