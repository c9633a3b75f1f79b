/** watch: settings, and the pods where they say. */
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import type { NodeRouterSettings } from './settings.ts';
import { watchPodFiles } from './watch/files.ts';
import { watchSettings } from './watch/settings.ts';
import type { PodSnapshot, PodSource } from './watch/source.ts';

export interface InputHandlers {
  onSettings(settings: NodeRouterSettings): void;
  onPods(snapshot: PodSnapshot): void;
}

export async function watchInputs(
  settingsFile: string,
  log: Logger,
  { onSettings, onPods }: InputHandlers,
): Promise<{ close(): Promise<void> }> {
  let source: PodSource | undefined;
  let followed: string | undefined;
  let switching: Promise<void> = Promise.resolve();
  let told = '';

  /** The last snapshot of the former directory stays until the new one speaks. */
  const follow = async (directory: string) => {
    if (directory === followed) return;
    followed = directory;
    await source?.close();
    source = await watchPodFiles(directory, {
      onSnapshot: onPods,
      onFailure: ({ code, message }) => log.error('pods', { code }, message),
    });
  };

  const settings = await watchSettings(settingsFile, {
    onSettings(read) {
      log.info('settings', describe(read), `settings read from ${settingsFile}`);
      onSettings(read);
      switching = switching
        .then(() => follow(read.pods.files.directory))
        .catch((error: unknown) => log.error('pods', { error }, reasonOf(error)));
    },
    onProblems(problems) {
      const text = problems.map((problem) => problem.message).join('\n');
      if (text !== told) for (const { code, message } of problems) log.error('settings', { code }, message);
      told = text;
    },
  });

  return {
    async close() {
      await settings.close();
      await switching;
      await source?.close();
    },
  };
}

function describe({ allowedPrefixes, blackholeSeconds, pods }: NodeRouterSettings): object {
  const allowed = allowedPrefixes.map((prefix) => prefix.text);
  return { allowedPrefixes: allowed, blackholeSeconds, directory: pods.files.directory };
}
