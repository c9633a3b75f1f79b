import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A directory as the kubelet mounts a ConfigMap: the files are links into `..data`, which is a link to a directory
 * that is replaced as a whole. So all files of a change appear at once, and a watcher meets what it meets in a cluster.
 */
export class MountedConfig {
  readonly directory: string;
  readonly #files = new Map<string, string>();
  #version = 0;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  /** Lays the files over those there; undefined removes one. */
  write(changes: Record<string, string | undefined>): void {
    for (const [name, text] of Object.entries(changes)) {
      if (text === undefined) this.#files.delete(name);
      else this.#files.set(name, text);
    }
    const version = `..version_${++this.#version}`;
    mkdirSync(join(this.directory, version));
    for (const [name, text] of this.#files)
      writeFileSync(join(this.directory, version, name), text, { mode: 0o644 });
    symlinkSync(version, join(this.directory, '..data_tmp'));
    renameSync(join(this.directory, '..data_tmp'), join(this.directory, '..data'));
    const entries = readdirSync(this.directory);
    for (const name of this.#files.keys()) {
      if (!entries.includes(name)) symlinkSync(`..data/${name}`, join(this.directory, name));
    }
    for (const name of entries) {
      const isOldVersion = name.startsWith('..version_') && name !== version;
      const isGone = !name.startsWith('..') && name in changes && !this.#files.has(name);
      if (isOldVersion || isGone) rmSync(join(this.directory, name), { recursive: true });
    }
  }
}

/** Write beside and rename: a reader sees the old file or the new one. */
export function replaceFile(directory: string, name: string, text: string | undefined): void {
  const path = join(directory, name);
  if (text === undefined) {
    rmSync(path, { force: true });
    return;
  }
  const beside = join(directory, `.${name}.tmp`);
  writeFileSync(beside, text);
  renameSync(beside, path);
}
