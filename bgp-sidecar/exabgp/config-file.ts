import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeSystemError } from '../../common/files.ts';
import { problems } from '../errors.ts';

/** Holds passwords: nobody else may read it, not even for the moment before it is renamed into place. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  const beside = `${path}.new`;
  try {
    await rm(beside, { force: true });
    await writeFile(beside, text, { mode: 0o600, flag: 'wx' });
    await chmod(beside, 0o600);
    await rename(beside, path);
  } catch (error) {
    throw problems.RUN_DIRECTORY(dirname(path), describeSystemError(error));
  }
}
