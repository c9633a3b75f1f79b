import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './network/command.ts';
import { listNamespaces, netnsPath, removeNamespaces } from './network/namespaces.ts';

/** In memory, one directory a lab, named by its run id. */
export const stateRoot = '/run/portable-lb-lab';

/** Who a lab belongs to: pid and start time, since pids come again. */
export function writeOwner(stateDir: string): void {
  mkdirSync(stateDir, { recursive: true });
  writeFileSync(join(stateDir, 'owner'), `${process.pid} ${startTime(process.pid)}`);
}

/** Removes what labs left behind whose process ended without closing them. */
export async function sweepDeadLabs(): Promise<void> {
  for (const runId of directories(stateRoot)) {
    const stateDir = join(stateRoot, runId);
    const [pid = '0', started] = readText(join(stateDir, 'owner')).split(' ');
    if (started !== undefined && startTime(Number(pid)) === started) continue;
    const names = listNamespaces(`plb-${runId}-`);
    for (const name of names) await endProcessesIn(name);
    await removeNamespaces(names);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function endProcessesIn(namespace: string): Promise<void> {
  const pids = await run(['ip', 'netns', 'pids', namespace]).catch(() => '');
  for (const pid of pids.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

export function namespaceOf(runId: string, role: string): string {
  return netnsPath(`plb-${runId}-${role}`);
}

/** Field 22 of /proc/PID/stat (proc_pid_stat(5)); '' for a pid that is not there. */
function startTime(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function directories(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
