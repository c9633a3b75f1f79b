import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder with package.json. */
export const checkout = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

// sockaddr_un has room for 108 bytes.
const socketPathBytes = 107;
const folders = new Map<string, number>();

/** Where a kernel's keeper listens. A path too long for a socket goes through an open folder. */
export function socketPath(runDir: string): string {
  const plain = join(runDir, 'keeper.sock');
  if (Buffer.byteLength(plain) <= socketPathBytes) return plain;
  const folder = folders.get(runDir) ?? openSync(runDir, 'r');
  folders.set(runDir, folder);
  return `/proc/self/fd/${folder}/keeper.sock`;
}

export function forgetSocketPath(runDir: string): void {
  const folder = folders.get(runDir);
  if (folder !== undefined) closeSync(folder);
  folders.delete(runDir);
}
