/** The settings file, read again whenever it changes. Settings that do not pass leave the former ones in force. */
import { watchPath } from '../../common/files.ts';
import { keepLooking, type Look } from '../../common/looking.ts';
import type { Problem } from '../../common/problem.ts';
import { SettledFile } from '../../common/settled-file.ts';
import { problems } from '../errors.ts';
import { type NodeRouterSettings, parseSettings } from '../settings.ts';

export interface SettingsHandlers {
  onSettings(settings: NodeRouterSettings): void;
  /** What is wrong with the file now; an empty list when it is well again. */
  onProblems(problems: readonly Problem[]): void;
}

export async function watchSettings(
  path: string,
  { onSettings, onProblems }: SettingsHandlers,
): Promise<{ close(): Promise<void> }> {
  const file = new SettledFile(path);

  async function look(): Promise<Look> {
    const reading = await file.read();
    if (reading.state === 'refused') onProblems([reading.problem]);
    if (reading.state === 'absent') onProblems([problems.SETTINGS_ABSENT(path)]);
    if (reading.state === 'whole') {
      const parsed = parseSettings(reading.text, path);
      onProblems(parsed.problems ?? []);
      if (parsed.settings !== undefined) onSettings(parsed.settings);
    }
    if (reading.state === 'unsettled') return 'unsettled';
    return reading.state === 'refused' ? 'failing' : 'settled';
  }

  const looking = keepLooking(look);
  const watcher = await watchPath(path, looking.now);
  looking.now();
  return {
    async close() {
      await watcher.close();
      await looking.stop();
    },
  };
}
