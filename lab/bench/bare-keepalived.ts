import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ProcessRole, Role } from '../api.ts';
import { waitFor } from '../wait.ts';
import { IpvsHead } from './ipvs-head.ts';

/** Files of keepalived by their path in its directory. */
export type FileSet = Record<string, string>;

/** keepalived without a controller, on the controller's own files: what it takes by itself from SIGHUP to kernel. */
export class BareKeepalived {
  readonly #directory: string;
  readonly #process: ProcessRole;
  readonly head: IpvsHead;

  private constructor(directory: string, program: ProcessRole, head: IpvsHead) {
    this.#directory = directory;
    this.#process = program;
    this.head = head;
  }

  /** In the namespace of `role`, with the options that the controller gives it (controller/keepalived/daemon.ts). */
  static async start(role: Role, directory: string, files: FileSet): Promise<BareKeepalived> {
    mkdirSync(directory, { recursive: true });
    writeFiles(directory, files);
    const program = await role.start('keepalived', [
      ...['keepalived', '--all', '--check', '--no_bfd', '--dont-fork', '--log-console', '--no-syslog'],
      ...['--dont-release-ipvs', '--pid', join(directory, 'keepalived.pid')],
      ...['--checkers_pid', join(directory, 'checkers.pid'), '--use-file', join(directory, 'ipvs.conf')],
    ]);
    await waitFor(
      'the rules of the bare keepalived',
      () => countLines(program.pid) > 4 || { notYet: program.logText() },
      { everyMs: 50, deadlineMs: 8000 },
    );
    return new BareKeepalived(directory, program, new IpvsHead(program.pid));
  }

  /** Puts the files in place; gives the moment just before SIGHUP. */
  reload(files: FileSet): number {
    writeFiles(this.#directory, files);
    const atMs = performance.now();
    this.#process.signal('SIGHUP');
    return atMs;
  }

  async stop(): Promise<void> {
    this.head.close();
    await this.#process.kill();
  }
}

/** The files in force in a controller's container. */
export function readFileSet(directory: string): FileSet {
  const files: FileSet = {};
  for (const name of readdirSync(directory, { recursive: true }) as string[]) {
    const path = join(directory, name);
    if (statSync(path).isFile()) files[name] = readFileSync(path, 'utf8');
  }
  return files;
}

function writeFiles(directory: string, files: FileSet): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    // Its notify FIFO is its own: the one named in the text is in the controller's container.
    writeFileSync(
      `${path}.tmp`,
      text.replaceAll(/^(\s*lvs_notify_fifo\s+).*$/gm, `$1${directory}/notify.fifo`),
    );
    renameSync(`${path}.tmp`, path);
  }
}

function countLines(pid: number): number {
  return readFileSync(`/proc/${pid}/net/ip_vs`, 'latin1').split('\n').length;
}
