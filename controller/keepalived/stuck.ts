/**
 * A keepalived that hangs (stopped, deadlocked) is no longer there, whatever its pid says: servers that die stay in the
 * rules. It shows when a reload is overdue. One that is merely slow switches context meanwhile; one that hangs does not.
 */
import { readFile } from 'node:fs/promises';

export interface StuckWatch {
  /** A reload was heard of. */
  heard(): void;
  /** A reload is overdue. Resolves to the pid that has stood still since the one before was. */
  overdue(pids: readonly (number | undefined)[]): Promise<number | undefined>;
}

export function watchForStuck(readSwitches = switchesOf): StuckWatch {
  let before = new Map<number, string>();
  return {
    heard: () => before.clear(),
    async overdue(pids) {
      const now = new Map<number, string>();
      for (const pid of pids) {
        const switches = pid === undefined ? undefined : await readSwitches(pid);
        if (pid !== undefined && switches !== undefined) now.set(pid, switches);
      }
      const stuck = [...now].find(([pid, switches]) => before.get(pid) === switches)?.[0];
      before = now;
      return stuck;
    },
  };
}

/** Context switches of a process so far, both kinds (proc_pid_status(5)); undefined when it is gone. */
async function switchesOf(pid: number): Promise<string | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  return status?.match(/ctxt_switches:\s+\d+/g)?.join(' ');
}
