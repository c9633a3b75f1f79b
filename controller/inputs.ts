/** watch: settings, templates and endpoints, as the newest whole of each. */
import type { Logger } from '../common/log.ts';
import type { Settings } from '../common/settings.ts';
import type { Config } from './config.ts';
import { compileTemplates } from './core/render.ts';
import type { Snapshot } from './core/types.ts';
import type { Configuration } from './reconcile.ts';
import { createTeller } from './report.ts';
import { templateSources } from './templates.ts';
import { createFilesSource } from './watch/files.ts';
import { createSettingsSource, type WatchedSettings } from './watch/settings.ts';
import type { EndpointSource } from './watch/source.ts';

export interface Inputs {
  stop(): Promise<void>;
}

export interface InputHandlers {
  onConfiguration(configuration: Configuration): void;
  onSnapshot(snapshot: Snapshot): void;
}

export async function watchInputs(config: Config, log: Logger, handlers: InputHandlers): Promise<Inputs> {
  let source: EndpointSource | undefined;
  let sourceKey = '';
  let switching: Promise<void> = Promise.resolve();
  const tell = createTeller((text) => log.error('settings', {}, text));

  /** Another Service or another directory needs another source; the old one's last snapshot stays until it speaks. */
  const followEndpoints = async ({ service, endpoints }: Settings) => {
    const key = JSON.stringify([service, endpoints]);
    if (key === sourceKey) return;
    sourceKey = key;
    await source?.stop();
    source = createFilesSource({ directory: endpoints.files.directory, service });
    await source.start(handlers.onSnapshot, (problem) =>
      log.error('endpoints', { code: problem.code }, problem.message),
    );
  };

  const onChange = (watched: WatchedSettings) => {
    try {
      const templates = compileTemplates(templateSources(watched.templates, config.templatesDirectory));
      tell([]);
      handlers.onConfiguration({ settings: watched.settings, templates });
      switching = switching
        .then(() => followEndpoints(watched.settings))
        .catch((error: Error) => log.error('endpoints', { error }, error.message));
    } catch (problem) {
      tell([(problem as Error).message]);
    }
  };

  const settings = createSettingsSource({
    file: config.settingsFile,
    templatesDirectory: config.templatesDirectory,
  });
  await settings.start(onChange, (problems) => tell(problems.map((problem) => problem.message)));
  return {
    async stop() {
      await settings.stop();
      await switching;
      await source?.stop();
    },
  };
}
