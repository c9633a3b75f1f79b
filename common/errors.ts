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
  SETTINGS_ABSENT: (path: string) =>
    `${path}: the settings file does not exist; create it, or name another with --settings`,
  DIRECTORY_UNREADABLE: (path: string, why: string) =>
    `${path}: the directory of manifests cannot be read (${why}), what was read last stays; ${remedyOf(why)}`,
  MANIFESTS_REFUSED: (path: string, what: string[]) =>
    `${path}: refused, what was read of it last stays: ${listed(what.map((each) => withoutPath(each, path)))}`,
  MANIFEST_TWICE: (object: string, first: string, second: string) =>
    `${second}: ${object} is in ${first} already, which counts; remove one of them`,
  MANIFESTS_AWAITED: (directory: string, names: string[]) =>
    `${directory}: nothing is taken from it yet, since a part would replace what may be running from before: ${listed(names)} could not be read since the start; mend or remove it`,
  TEMPLATES_AWAITED: (directory: string, names: string[]) =>
    `${directory}: no template is in force yet, nor the default ones, since they would replace what may be running from before: ${listed(names)} could not be read since the start; mend or remove it`,
  LOOK_FAILED: (why: string) =>
    `a change of what is mounted could not be taken (${why}), what was read last stays; look at what changed last, and tell the makers of portable-lb`,
  HEALTH_PORT: (address: string, port: number, why: string) =>
    `health and metrics cannot listen on ${address}:${port} (${why}); free the port, or choose another in health of the settings`,
});

function withoutPath(message: string, path: string): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}

const mostListed = 5;

function listed(items: string[]): string {
  const rest = items.length - mostListed;
  return items.slice(0, mostListed).join('; ') + (rest > 0 ? `; and ${rest} more` : '');
}

function remedyOf(why: string): string {
  if (/ENOSPC|EDQUOT/.test(why)) return 'free space on that volume';
  if (/EACCES|EPERM/.test(why)) return 'give this user permission';
  if (/EROFS/.test(why)) return 'mount a writable volume there';
  if (/ENOENT/.test(why)) return 'create it, or correct the path';
  if (/EISDIR/.test(why)) return 'a file is wanted there';
  if (/ENOTDIR/.test(why)) return 'a directory is wanted there';
  return 'look at the volume it lies on';
}
