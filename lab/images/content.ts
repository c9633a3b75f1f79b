import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { checkout } from './plan.ts';

/** What the builds see: the Dockerfiles and all that .dockerignore lets through. */
const ingredients = ['Dockerfile.controller', 'Dockerfile.bgp', '.dockerignore'];

/** A name for what the images would hold if they were built now: the same text gives the same name. */
export function contentKey(recipe: string): string {
  const hash = createHash('sha256').update(recipe);
  for (const file of files()) hash.update(relative(checkout, file)).update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}

function files(): string[] {
  const admitted = readFileSync(join(checkout, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  return [...ingredients, ...admitted].flatMap((name) => filesOf(join(checkout, name))).sort();
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
