import { watch } from 'node:fs';

export interface Watcher {
  close(): Promise<void>;
}

/** Calls onChange after anything in the directory `path` (or the file's directory) has changed. */
export async function watchPath(path: string, onChange: () => void): Promise<Watcher> {
  const watcher = watch(path, onChange);
  return { close: async () => watcher.close() };
}
