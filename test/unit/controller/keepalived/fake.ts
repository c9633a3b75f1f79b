/** A program named keepalived that does what a test needs and the real one cannot be made to do. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Fake {
  readonly directory: string;
  readonly program: string;
  remove(): void;
}

export function fakeKeepalived(script: string): Fake {
  const directory = mkdtempSync(join(tmpdir(), 'keepalived-'));
  const program = join(directory, 'keepalived');
  writeFileSync(program, `#!/bin/bash\n${script}\n`);
  chmodSync(program, 0o755);
  return { directory, program, remove: () => rmSync(directory, { recursive: true }) };
}
