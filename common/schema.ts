import { z } from 'zod';
import { problems } from './errors.ts';
import type { Problem } from './problem.ts';

/**
 * Words for whatever zod finds wrong with a value: what it is, and what is accepted. Every schema of a file that
 * people write carries them, since zod's own words name types of JavaScript.
 */
export function expects(accepted: string): { error: (issue: { input?: unknown }) => string } {
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

/** An object that takes these fields and no others. */
export function fields<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown field ${issue.keys?.map((key) => `"${key}"`).join(', ')}; accepted: ${known}`
        : expects(`the fields ${known}`).error(issue),
  });
}

/** All problems of one file, each with the path of its field. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], fileName: string): Problem[] {
  return issues.map((issue) => problems.FIELD(fileName, fieldPath(issue.path), issue.message));
}

/** `bgp.peers[1].address` */
export function fieldPath(path: readonly PropertyKey[]): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
