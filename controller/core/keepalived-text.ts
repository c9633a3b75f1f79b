/**
 * Reads keepalived's configuration text back, as far as it can be read without doubt: keepalived's own
 * `--config-test` is content with an empty file, so what a template made is compared with what was wanted.
 * What keepalived might read differently than this does is a fault here (one brace too many on a line, its
 * parameter substitution, conditional lines, sequences, files from elsewhere): man keepalived.conf(5).
 */
import { posix } from 'node:path';
import type { RenderedFiles } from './types.ts';

export interface Statement {
  readonly words: readonly string[];
  readonly file: string;
  readonly line: number;
  readonly block?: readonly Statement[];
}

/** What cannot be read, or is not what was wanted: where and why. */
export class TextFault extends Error {
  readonly file: string;
  readonly line: number;

  constructor({ file, line }: { file: string; line: number }, why: string) {
    super(why);
    this.file = file;
    this.line = line;
  }
}

export interface KeepalivedText {
  statements: Statement[];
  /** Files that were read, `main` among them. */
  included: ReadonlySet<string>;
}

/** The statements of `main` and of all that it includes, in order. Throws TextFault. */
export function parseKeepalived(files: RenderedFiles, main: string): KeepalivedText {
  const included = new Set<string>();
  const lines: Lines = new Map();
  const read = (file: string, from: { file: string; line: number }): Statement[] => {
    const text = Object.hasOwn(files, file) ? files[file] : undefined;
    if (text === undefined)
      throw new TextFault(from, `it includes ${file}, which is not one of the rendered files`);
    if (included.has(file)) throw new TextFault(from, `it includes ${file} a second time`);
    included.add(file);
    return parseFile(file, text, lines, (name, at) => read(posix.join(posix.dirname(file), name), at));
  };
  return { statements: read(main, { file: main, line: 0 }), included };
}

type ReadIncluded = (name: string, at: { file: string; line: number }) => Statement[];

interface Line {
  readonly words: readonly string[];
  readonly kind: 'empty' | 'include' | 'opens' | 'closes' | 'statement';
}
/** Hundreds of servers have the same lines but for one of each: what was made of a line stands for all like it. */
type Lines = Map<string, Line>;

function parseFile(file: string, text: string, lines: Lines, include: ReadIncluded): Statement[] {
  const root: Statement[] = [];
  const open: Statement[][] = [root];
  let line = 0;
  for (const lineText of text.split('\n')) {
    line++;
    let known = lines.get(lineText);
    if (!known) {
      known = readLine(lineText, { file, line });
      lines.set(lineText, known);
    }
    const { words, kind } = known;
    const current = open.at(-1) as Statement[];
    if (kind === 'statement') current.push({ words, file, line });
    else if (kind === 'include') current.push(...include(words.slice(1).join(' '), { file, line }));
    else if (kind === 'opens') {
      const block: Statement[] = [];
      current.push({ words, file, line, block });
      open.push(block);
    } else if (kind === 'closes') {
      if (open.length === 1) throw new TextFault({ file, line }, 'a "}" too many');
      open.pop();
    }
  }
  if (open.length > 1) throw new TextFault({ file, line }, 'a "}" is missing at its end');
  return root;
}

function readLine(text: string, at: { file: string; line: number }): Line {
  const words = splitLine(text, at);
  const [keyword] = words;
  if (keyword === undefined) return { words, kind: 'empty' };
  if (keyword === '}') return { words, kind: 'closes' };
  if (/^include[armwb]?$/.test(keyword)) return { words, kind: 'include' };
  if (words.at(-1) === '{') return { words: words.slice(0, -1), kind: 'opens' };
  return { words, kind: 'statement' };
}

/** Nearly every line: words of letters and digits, or braces where they may stand. All others are looked at closely. */
const plainLine = /^[ \t]*(?:\}|[\w.:/-]+(?: [\w.:/-]+)*(?: \{)?)?[ \t]*$/;

function splitLine(text: string, at: { file: string; line: number }): string[] {
  if (plainLine.test(text)) return text.trim() === '' ? [] : text.trim().split(' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) throw new TextFault(at, 'a control character');
  if (/\\[ \t]*$/.test(text)) throw new TextFault(at, 'a "\\" at the end of a line');
  const special = text.search(/[#!"'\\]/);
  const comment = special >= 0 && (text[special] === '#' || text[special] === '!');
  const plain = (comment ? text.slice(0, special) : text).replace(/^[ \t]+|[ \t]+$/g, '');
  if (plain === '') return [];
  if (/^[@$~]/.test(plain))
    throw new TextFault(at, `keepalived's own "${plain[0]}" substitution, use the template's instead`);
  const words = plain.split(/[ \t]+/);
  if (special >= 0 && !comment && (/[{}\\]/.test(plain) || /["'\\]/.test(words[0] ?? '')))
    throw new TextFault(at, 'quotes beside a brace or a backslash, or around a keyword');
  words.forEach((word, index) => {
    if (!/[{}]/.test(word)) return;
    const opens = word === '{' && index > 0 && index === words.length - 1;
    const closes = word === '}' && words.length === 1;
    if (!opens && !closes)
      throw new TextFault(at, 'a "{" must be the last word of its line, and a "}" must be alone on its line');
  });
  return words;
}
