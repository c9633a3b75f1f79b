/** Gives the lease whenever its file changes, and each second in any case: a change reaches the peers in milliseconds. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type LeaseRead, readLease } from '../common/lease.ts';

const pollMs = 1_000;

export interface LeaseWatch {
  close(): void;
}

/** The directory is watched by inotify itself, without the debounce of watchPath: the file is renamed into place whole. */
export function watchLease(file: string, onReading: (reading: LeaseRead) => void): LeaseWatch {
  let watcher: FSWatcher | undefined;
  let reading = false;
  let again = false;
  let closed = false;

  async function read(): Promise<void> {
    again = reading;
    if (reading) return;
    reading = true;
    const found = await readLease(file);
    reading = false;
    if (closed) return;
    onReading(found);
    if (again) void read();
  }

  function open(): void {
    try {
      watcher = watch(dirname(file), (_type, name) => {
        if (name === null || name === basename(file)) void read();
      });
      watcher.on('error', drop);
    } catch {
      // the directory is not there yet: the next poll tries again
      watcher = undefined;
    }
  }

  function drop(): void {
    watcher?.close();
    watcher = undefined;
  }

  open();
  void read();
  const timer = setInterval(() => {
    if (watcher === undefined) open();
    void read();
  }, pollMs);
  return {
    close() {
      closed = true;
      clearInterval(timer);
      drop();
    },
  };
}
