import { problemTable } from './problem.ts';

/** The errors of what the programs share; each program has a table of its own beside this one. */
export const problems = problemTable({
  FILE_UNREADABLE: (path: string, why: string) => `${path}: cannot be read (${why}); ${remedyOf(why)}`,
  FILE_UNWRITABLE: (path: string, why: string) =>
    `${path}: cannot be written (${why}); the file is as it was before; ${remedyOf(why)}`,
  FILE_HALF_WRITTEN: (path: string, why: string) =>
    `${path}: looks half-written: ${why}; write it beside and rename it into place, or finish it`,
  SYNTAX: (path: string, where: string, why: string) =>
    `${path}${where}: is not valid YAML or JSON: ${why}; mend it there`,
  FIELD: (path: string, field: string, what: string) => `${path}: ${field}: ${what}`,
  OBJECT: (path: string, where: string, what: string) => `${path}: ${where}: ${what}`,
  HEALTH_PORT: (address: string, port: number, why: string) =>
    `health and metrics cannot listen on ${address}:${port} (${why}); free the port, or choose another in health of the settings`,
});

function remedyOf(why: string): string {
  if (/ENOSPC|EDQUOT/.test(why)) return 'free space on that volume';
  if (/EACCES|EPERM/.test(why)) return 'give this user permission';
  if (/EROFS/.test(why)) return 'mount a writable volume there';
  if (/ENOENT/.test(why)) return 'create it, or correct the path';
  if (/EISDIR|ENOTDIR/.test(why)) return 'a file is wanted there';
  return 'look at the volume it lies on';
}
