/** The images of portable-lb and what they are built from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const checkout = join(import.meta.dirname, '../..');

export interface ImagePlan {
  name: string;
  dockerfile: string;
  target: string;
}

export const images: readonly ImagePlan[] = [
  { name: 'controller', dockerfile: 'Dockerfile.controller', target: 'controller' },
  { name: 'node-router', dockerfile: 'Dockerfile.controller', target: 'node-router' },
  { name: 'bgp-sidecar', dockerfile: 'Dockerfile.bgp', target: 'bgp-sidecar' },
  { name: 'route-reflector', dockerfile: 'Dockerfile.bgp', target: 'route-reflector' },
];

export const defaultRegistry = 'ghcr.io/portable-lb';

/** The tag of the images, as the charts name it: the product's version. */
export function productVersion(): string {
  return JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')).version;
}

export function reference(name: string, registry = defaultRegistry, tag = productVersion()): string {
  return `${registry}/${name}:${tag}`;
}

export interface BaseNames {
  debian: string;
  node: string;
}

/** The public images that the Dockerfiles start from, as they name them. */
export function baseNames(): BaseNames {
  const text = readFileSync(join(checkout, 'Dockerfile.controller'), 'utf8');
  const nameOf = (argument: string) => {
    const name = new RegExp(`^ARG ${argument}=(\\S+)$`, 'm').exec(text)?.[1];
    if (name === undefined) throw new Error(`Dockerfile.controller has no line "ARG ${argument}=…"`);
    return name;
  };
  return { debian: nameOf('DEBIAN'), node: nameOf('NODE') };
}
