/** The command line that starts ExaBGP. */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { starter } from './starter.ts';

/** @param path PATH, where the programs are looked for */
export function exabgpCommand(program: string, configFile: string, path = ''): string[] {
  // the file of environment settings that does not exist: everything is in the environment
  const command = [...startByPython(program, path), '--env', '/nonexistent', configFile];
  const setpriv = find('setpriv', path);
  // The kernel ends it with us, also by kill -9 of us where no PID namespace does (prctl(2), PR_SET_PDEATHSIG). Without
  // setpriv of util-linux it ends by itself within a second, when helper after helper finds our socket closed.
  return setpriv === undefined ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
}

/** Any but a program of Python starts by itself. */
function startByPython(program: string, path: string): string[] {
  const file = find(program, path);
  const python = file && /^#! *(\S*python[\d.]*)\s/.exec(readStart(file))?.[1];
  // In one line, as ps and /proc show it; JSON's strings are Python's too.
  return file && python ? [python, '-c', `exec(${JSON.stringify(starter)})`, file] : [program];
}

function find(program: string, path: string): string | undefined {
  if (isAbsolute(program)) return existsSync(program) ? program : undefined;
  return path
    .split(':')
    .map((directory) => join(directory, program))
    .find(existsSync);
}

/** '' where it cannot be read: starting it will tell why. */
function readStart(file: string): string {
  const start = Buffer.alloc(128);
  try {
    const fd = openSync(file, 'r');
    try {
      return start.toString('latin1', 0, readSync(fd, start));
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
