import { problems } from './errors.ts';
import { keepLooking, type Look } from './looking.ts';
import type { Problem } from './problem.ts';
import { parseSettings, type Settings } from './settings.ts';
import { SettledFile } from './settled-file.ts';
import { watchPath } from './watch-path.ts';

export interface SettingsHandlers {
  /** read for the first time, or changed */
  onSettings(settings: Settings): void;
  /** refused: what was read last stays. Told once for each reason. */
  onRefused(problems: Problem[]): void;
}

/** Follows the settings file, for the programs of an LB pod. */
export async function watchSettings(
  path: string,
  { onSettings, onRefused }: SettingsHandlers,
): Promise<{ close(): Promise<void> }> {
  const file = new SettledFile(path);
  let given = '';
  let told = '';

  function refuse(found: Problem[]): void {
    const text = found.map(({ message }) => message).join('\n');
    if (text !== told) onRefused(found);
    told = text;
  }

  async function look(): Promise<Look> {
    const reading = await file.read();
    if (reading.state === 'unsettled') return 'unsettled';
    if (reading.state === 'absent') refuse([problems.SETTINGS_ABSENT(path)]);
    if (reading.state === 'refused') {
      refuse([reading.problem]);
      return 'failing';
    }
    if (reading.state === 'whole') take(reading.text);
    return 'settled';
  }

  function take(text: string): void {
    const { settings, problems: found } = parseSettings(text, path);
    if (settings === undefined) {
      refuse(found);
      return;
    }
    told = '';
    const canonical = JSON.stringify(settings);
    if (canonical === given) return;
    given = canonical;
    onSettings(settings);
  }

  const looking = keepLooking(look);
  looking.now();
  const watcher = await watchPath(path, looking.now);
  looking.now();
  return {
    async close() {
      await watcher.close();
      await looking.stop();
    },
  };
}
