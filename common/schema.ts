import * as z from 'zod';
import { problems } from './errors.ts';
import type { Problem } from './problem.ts';

type Words = { error: (issue: { input?: unknown }) => string };

/**
 * Words for whatever zod finds wrong with a value: what it is, and what is accepted. Every schema of a file that
 * people write carries them, since zod's own words name types of JavaScript.
 */
export function expects(accepted: string): Words {
  return {
    error: ({ input }) =>
      `${input === undefined ? 'is missing' : `is ${show(input)}`}; accepted: ${accepted}`,
  };
}

/** A whole number within a range. */
export function integer(least: number, most: number, what = 'a whole number'): z.ZodNumber {
  const words = expects(`${what} from ${least} to ${most}`);
  return z.int(words).min(least, words).max(most, words);
}

/** Text of one shape. */
export function matching(shape: RegExp, accepted: string): z.ZodString {
  return z.string(expects(accepted)).regex(shape, expects(accepted));
}

/** One of some words. `later` has those that are known and refused, each with the sentence why. */
export function oneOf<const T extends readonly [string, ...string[]]>(
  words: T,
  later: Record<string, string> = {},
): z.ZodEnum<{ [Word in T[number]]: Word }> {
  const accepted = expects(
    words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
  );
  return z.enum(words, {
    error: ({ input }) => {
      const why = typeof input === 'string' && Object.hasOwn(later, input) ? `, ${later[input]}` : '';
      return accepted.error({ input }).replace('; ', `${why}; `);
    },
  });
}

/** An object that takes these fields and no others. */
export function fields<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown ${issue.keys?.length === 1 ? 'field' : 'fields'} ${issue.keys?.map((key) => `"${key}"`).join(', ')}; accepted: ${known}`
        : expects(`an object with the fields ${known}`).error(issue),
  });
}

/**
 * A check of what must agree with each other, run although single fields may be wrong, so that all problems of a
 * file are told at once: the values may be of any type.
 */
export function agreeing<T>(
  check: (value: unknown, refuse: (path: PropertyKey[], message: string) => void) => void,
): z.core.$ZodCheck<T> {
  return z.superRefine<T>(
    (value, context) => check(value, (path, message) => context.addIssue({ code: 'custom', path, message })),
    { when: () => true },
  );
}

/** All problems of one file, each with the path of its field. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], fileName: string): Problem[] {
  return issues.map((issue) => problems.FIELD(fileName, fieldPath(issue.path), issue.message));
}

/** `bgp.peers[1].address` */
export function fieldPath(path: readonly PropertyKey[]): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return text.replace(/^\./, '') || 'the whole';
}

const longestShown = 60;

/** A value in few words. Never throws, and takes no longer for a value that holds itself or a million others. */
export function show(value: unknown): string {
  const text = written(value, longestShown);
  return text.length <= longestShown ? text : `${text.slice(0, longestShown - 3)}...`;
}

/** As JSON, but not much further than `room` characters: YAML's aliases make a graph of any size of a few lines. */
function written(value: unknown, room: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room));
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'no date' : written(value.toISOString(), room);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  let text = `${open}`;
  for (const key in value) {
    if (text.length > room) break;
    if (text !== open) text += ',';
    if (open === '{') text += `${JSON.stringify(key.slice(0, room))}:`;
    text += written((value as Record<string, unknown>)[key], room - text.length);
  }
  return text + close;
}

/** A value that is read before it was checked: nothing but text is a text. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
