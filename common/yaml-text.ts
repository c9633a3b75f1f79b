import { parseAllDocuments } from 'yaml';
import { problems } from './errors.ts';
import { type Problem, reasonOf } from './problem.ts';

export interface TextDocument {
  /** counted from 1, as `---` separates them */
  number: number;
  value: unknown;
}

/** The documents of a YAML or JSON text, empty ones left out; every error of syntax with its line. */
export function parseDocuments(
  text: string,
  fileName: string,
  accepted: 'one document' | 'many documents',
): { documents: TextDocument[]; problems: Problem[] } {
  const asJson = parseJson(text);
  if (asJson !== undefined) return { documents: [{ number: 1, value: asJson.value }], problems: [] };
  const found: Problem[] = [];
  const documents: TextDocument[] = [];
  const parsed = parseAllDocuments(text);
  for (const [index, document] of [...parsed].entries()) {
    for (const error of document.errors) {
      const line = error.linePos?.[0].line;
      found.push(
        problems.SYNTAX(fileName, line === undefined ? '' : `:${line}`, error.message.split('\n')[0] ?? ''),
      );
    }
    if (document.errors.length > 0) continue;
    try {
      const value: unknown = document.toJS();
      if (value !== null && value !== undefined) documents.push({ number: index + 1, value });
    } catch (error) {
      found.push(problems.SYNTAX(fileName, '', reasonOf(error)));
    }
  }
  if (accepted === 'one document' && found.length === 0 && documents.length !== 1) {
    found.push(
      problems.SYNTAX(fileName, '', documents.length === 0 ? 'it is empty' : 'it has more than one document'),
    );
  }
  return { documents, problems: found };
}

/** Every JSON text is YAML too, but JSON.parse takes a hundredth of the time for thousands of endpoints. */
function parseJson(text: string): { value: unknown } | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
