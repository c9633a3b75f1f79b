/** One statement of a block, and what stands in it. */
import { type Statement, TextFault } from './keepalived-text.ts';

/**
 * The statement of these keywords, which mean the same. Throws TextFault where there are two. Asked some times for each
 * server: an iterator would leave more garbage than all else of the reading.
 */
export function one(block: readonly Statement[], ...keywords: readonly string[]): Statement | undefined {
  let found: Statement | undefined;
  for (let index = 0; index < block.length; index++) {
    const statement = block[index] as Statement;
    if (!keywords.includes(statement.words[0] as string)) continue;
    if (found) throw new TextFault(statement, `"${statement.words[0]}" is there twice`);
    found = statement;
  }
  return found;
}

export function number(statement: Statement | undefined, absent: number): number {
  if (!statement) return absent;
  const { words } = statement;
  const text = words[1] ?? '';
  if (words.length !== 2 || !/^[0-9]{1,10}$/.test(text))
    throw new TextFault(statement, `"${words[0]}" must be followed by one number`);
  return Number(text);
}

export function flag(statement: Statement | undefined): boolean {
  return statement !== undefined && !/^(off|false|no)$/i.test(statement.words[1] ?? '');
}

/** A health check of keepalived: TCP_CHECK, HTTP_GET … */
export function isCheck({ words }: Statement): boolean {
  return /^([A-Z]+_CHECK|HTTP_GET|SSL_GET)$/.test(words[0] ?? '');
}
