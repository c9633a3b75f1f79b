import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabContext } from '../context.ts';

/** What an LB pod's containers have mounted, on this kernel. */
export interface LbDirectories {
  settings: string;
  templates: string;
  manifests: string;
  shared: string;
  /** The controller's /run, which outlives its container as the chart's emptyDir does. */
  run: string;
  hosts: string;
}

export function makeDirectories(
  context: LabContext,
  pod: { name: string; address: string; service: { manifestsDir: string } },
) {
  const base = join(context.stateDir, pod.name);
  const directories = {
    settings: join(base, 'settings'),
    templates: join(base, 'templates'),
    shared: join(base, 'shared'),
    run: join(base, 'run'),
    manifests: pod.service.manifestsDir,
    hosts: join(base, 'hosts'),
  };
  // The other mounts need a place to be mounted on.
  for (const inside of ['templates', 'manifests'])
    mkdirSync(join(directories.settings, inside), { recursive: true });
  mkdirSync(directories.templates, { recursive: true });
  mkdirSync(directories.shared);
  mkdirSync(join(directories.run, 'portable-lb'), { recursive: true });
  // As an emptyDir: whatever uid a container has, it may write.
  chmodSync(directories.shared, 0o777);
  writeFileSync(directories.hosts, `127.0.0.1 localhost\n${pod.address} ${pod.name}\n`);
  return directories;
}

/** A JSON file of the shared directory; undefined when it is absent or torn. */
export function readJson(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
