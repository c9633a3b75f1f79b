/** watch: the endpoints where the settings in force say; another Service or directory needs another source. */
import type { Logger } from '../common/log.ts';
import type { Settings } from '../common/settings.ts';
import type { Snapshot } from './core/types.ts';
import { createFilesSource } from './watch/files.ts';
import type { EndpointSource } from './watch/source.ts';

export interface FollowedEndpoints {
  /** Called when settings are in force, not when they are merely read: refused ones must not move the source. */
  follow(settings: Settings): void;
  stop(): Promise<void>;
}

export type MakeSource = (settings: Settings) => EndpointSource;

const filesSource: MakeSource = ({ service, endpoints }) =>
  createFilesSource({ directory: endpoints.files.directory, service });

export function followEndpoints(
  log: Logger,
  onSnapshot: (snapshot: Snapshot) => void,
  makeSource: MakeSource = filesSource,
): FollowedEndpoints {
  let source: EndpointSource | undefined;
  let followed = '';
  let switching: Promise<void> = Promise.resolve();

  /** The old one's last snapshot stays until the new one speaks. */
  const change = async (settings: Settings) => {
    await source?.stop();
    source = makeSource(settings);
    await source.start(onSnapshot, ({ code, message }) => log.error('endpoints', { code }, message));
  };

  return {
    follow(settings) {
      const key = JSON.stringify([settings.service, settings.endpoints]);
      if (key === followed) return;
      followed = key;
      switching = switching
        .then(() => change(settings))
        .catch((error: Error) => log.error('endpoints', { error }, error.message));
    },
    async stop() {
      await switching;
      await source?.stop();
    },
  };
}
