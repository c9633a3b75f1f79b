// node lab/inside.ts ls | exec ROLE COMMAND… | logs ROLE [-f]: looks into the lab that is open in this kernel.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { RoleDescription } from './api.ts';
import { readDescription, tableOf } from './commands/look.ts';
import { enterContainer } from './containers/container.ts';
import { inNamespace } from './network/command.ts';
import { stateRoot } from './sweep.ts';

const [command, roleName = '', ...rest] = process.argv.slice(2);
const description = findLab();
process.exitCode = main();

function findLab(): { runDir: string; roles: RoleDescription[]; stateDir: string } {
  const files = existsSync(stateRoot)
    ? readdirSync(stateRoot).map((run) => join(stateRoot, run, 'lab.json'))
    : [];
  const file = files.find((path) => existsSync(path));
  if (file === undefined) {
    console.error('no lab is open in this kernel');
    process.exit(1);
  }
  return { ...readDescription(file), stateDir: dirname(file) };
}

function main(): number {
  if (command === 'ls') {
    console.log(tableOf(description.roles.map(refreshPids)));
    return 0;
  }
  if (command === 'exec' && rest.length > 0) return runIn(roleName, rest);
  if (command === 'logs' && roleName !== '') return showLogs(roleName, rest.includes('-f'));
  console.error(
    'usage: npm run lab -- ls | exec ROLE COMMAND… | logs ROLE [-f]; a container is ROLE.NAME, as a-lb-1.controller',
  );
  return 2;
}

/** lab.json has the pids of when it was written; what was started again since has others. */
function refreshPids(role: RoleDescription): RoleDescription {
  const processes = Object.entries(role.processes).map(([name, entry]) => [
    name,
    { ...entry, pid: livePid(entry) },
  ]);
  return { ...role, processes: Object.fromEntries(processes) };
}

function livePid(entry: RoleDescription['processes'][string]): number {
  if (entry.pidDirectory !== undefined) return newestPid(entry.pidDirectory);
  return existsSync(`/proc/${entry.pid}`) ? entry.pid : 0;
}

/** A container has one pid file for each start, removed when it ended. */
function newestPid(directory: string): number {
  const file = existsSync(directory)
    ? readdirSync(directory).find((name) => name.startsWith('pid-'))
    : undefined;
  return file === undefined
    ? 0
    : Number(spawnSync('cat', [join(directory, file)], { encoding: 'utf8' }).stdout);
}

function runIn(name: string, words: string[]): number {
  const role = description.roles.find((each) => each.name === name);
  const target =
    role === undefined ? containerCommand(name, words) : inNamespace(role.netns, withSocket(name, words));
  if (target === undefined) return unknown(name);
  const [program = '', ...args] = target;
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (error !== undefined) console.error(error.message);
  return status ?? 1;
}

/** All roles share one /run, so each program has its socket in its role's own directory, where its client does not look. */
function withSocket(name: string, [program = '', ...args]: string[]): string[] {
  const directory = join(description.stateDir, name);
  if (program === 'birdc') return [program, '-s', join(directory, 'bird.ctl'), ...args];
  if (program === 'vtysh') return [program, '--vty_socket', directory, ...args];
  return [program, ...args];
}

/** `a-lb-1.controller`: inside the container, with its mounts and processes. */
function containerCommand(name: string, words: string[]): string[] | undefined {
  const [roleName = '', program = ''] = name.split('.');
  const entry = description.roles.find((each) => each.name === roleName)?.processes[program];
  if (entry === undefined || !entry.container) return undefined;
  const pid = livePid(entry);
  return pid === 0 ? ['sh', '-c', `echo ${name} does not run now >&2; exit 1`] : enterContainer(pid, words);
}

function showLogs(name: string, follow: boolean): number {
  const logs = join(description.runDir, 'logs');
  const files = readdirSync(logs).filter((file) => file === `${name}.log` || file.startsWith(`${name}.`));
  if (files.length === 0) return unknown(name);
  const paths = files.map((file) => join(logs, file));
  const tail = ['tail', '-n', '+1', ...(follow ? ['-F'] : []), ...paths];
  return spawnSync(tail[0] as string, tail.slice(1), { stdio: 'inherit' }).status ?? 0;
}

function unknown(name: string): number {
  const roles = description.roles.flatMap((role) => [
    role.name,
    ...Object.entries(role.processes)
      .filter(([, entry]) => entry.container)
      .map(([program]) => `${role.name}.${basename(program)}`),
  ]);
  console.error(`the lab has no role ${name}; it has ${roles.join(', ')}`);
  return 1;
}
