import { problems } from './errors.ts';
import { readText } from './files.ts';
import type { Problem } from './problem.ts';
import { describeIssues } from './schema.ts';
import { type Settings, settingsSchema } from './settings/schema.ts';
import { parseDocuments, whyHalfWritten } from './yaml-text.ts';

export type { BgpSettings, Peer } from './settings/bgp.ts';
export { type Settings, usual } from './settings/schema.ts';
export { describeSelection, type ServiceSelection } from './settings/service.ts';

export type SettingsResult =
  | { settings: Settings; problems?: undefined }
  | { settings?: undefined; problems: Problem[] };

/** Checks the text of a settings file and fills in the defaults; all problems of the file at once. */
export function parseSettings(text: string, fileName: string): SettingsResult {
  const parsed = parseDocuments(text, fileName);
  if (parsed.problems.length > 0) return { problems: parsed.problems };
  if (parsed.documents.length > 1) {
    return { problems: [problems.SYNTAX(fileName, '', 'it has more than one document')] };
  }
  const checked = settingsSchema.safeParse(parsed.documents[0]?.value ?? {});
  return checked.success
    ? { settings: checked.data }
    : { problems: describeIssues(checked.error.issues, fileName) };
}

/** The same of a file; one that cannot be read is a problem like others. */
export async function readSettings(path: string): Promise<SettingsResult> {
  try {
    const text = await readText(path);
    const half = whyHalfWritten(text);
    return half === undefined
      ? parseSettings(text, path)
      : { problems: [problems.FILE_HALF_WRITTEN(path, half)] };
  } catch (error) {
    return { problems: [error as Problem] };
  }
}
