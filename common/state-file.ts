import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { describeSystemError, writeFileAtomic } from './files.ts';
import { reasonOf, systemCode } from './problem.ts';

/** A small JSON file by which one container of a pod tells another something; torn = there, but not to be believed. */
export type StateRead<Name extends string, T> =
  | ({ state: 'read' } & Record<Name, T>)
  | { state: 'absent' }
  | { state: 'torn'; why: string };

export function writeState(path: string, value: unknown): Promise<void> {
  // it means nothing after a reboot (the monotonic clock starts again), and must not wait for a busy disk
  return writeFileAtomic(path, `${JSON.stringify(value)}\n`, { durability: 'none' });
}

export async function readState<Name extends string, T>(
  path: string,
  name: Name,
  schema: z.ZodType<T>,
): Promise<StateRead<Name, T>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { state: 'absent' };
    return { state: 'torn', why: `${path}: ${describeSystemError(error)}` };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { state: 'torn', why: `${path}: is not JSON: ${reasonOf(error)}` };
  }
  const checked = schema.safeParse(value);
  if (checked.success) return { state: 'read', [name]: checked.data } as StateRead<Name, T>;
  const issue = checked.error.issues[0];
  return {
    state: 'torn',
    why: `${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not as expected'}`,
  };
}
