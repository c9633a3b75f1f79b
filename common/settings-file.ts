import { problems } from './errors.ts';
import { keepLooking, type Look } from './looking.ts';
import type { Problem } from './problem.ts';
import { parseSettings, type Settings } from './settings.ts';
import { SettledFile } from './settled-file.ts';
import { watchPath } from './watch-path.ts';

export interface SettingsHandlers<T> {
  /** read for the first time, or changed */
  onSettings(settings: T): void;
  /** refused: what was read last stays. Told once for each reason. */
  onRefused(problems: Problem[]): void;
}

/** What the check of a text gives: the settings, or all that is wrong with it. */
type Parse<T> = (
  text: string,
  fileName: string,
) => { settings: T; problems?: undefined } | { settings?: undefined; problems: Problem[] };

/** Follows the settings file, for the programs of an LB pod. */
export function watchSettings(path: string, handlers: SettingsHandlers<Settings>) {
  return followSettings(path, parseSettings, handlers);
}

/** Follows a settings file of whatever schema. */
export async function followSettings<T extends object>(
  path: string,
  parse: Parse<T>,
  { onSettings, onRefused }: SettingsHandlers<T>,
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
    const parsed = parse(text, path);
    if (parsed.problems !== undefined) {
      refuse(parsed.problems);
      return;
    }
    told = '';
    const canonical = JSON.stringify(parsed.settings);
    if (canonical === given) return;
    given = canonical;
    onSettings(parsed.settings);
  }

  const looking = keepLooking(look, (problem) => refuse([problem]));
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
