import { writeSync } from 'node:fs';

/**
 * For the lab's own command in the guest: the front end returns to the shell with this exit code, while this
 * process and the kernel go on. Does nothing where the command was not started by runInKernel.
 */
export function detach(exitCode: number): void {
  const descriptor = process.env.LAB_DETACH_FD;
  if (descriptor !== undefined) writeSync(Number(descriptor), `${exitCode}\n`);
}
