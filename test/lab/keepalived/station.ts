/** A network namespace of its own with keepalived in it, its files and a few servers to check. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../../common/clock.ts';
import type { Level, Logger } from '../../../common/log.ts';
import { type KeepalivedFiles, openKeepalivedFiles } from '../../../controller/keepalived/files.ts';
import type { CheckEvent } from '../../../controller/keepalived/notify.ts';
import { type Keepalived, superviseKeepalived } from '../../../controller/keepalived/process.ts';

export interface Server {
  address: string;
  port?: number;
  weight?: number;
  /** false: no health check */
  check?: boolean;
  upperThreshold?: number;
}

export interface LogLine {
  level: Level;
  event: string;
  message: string;
}

let stations = 0;

export class Station {
  readonly namespace = `ka-${process.pid}-${++stations}`;
  readonly runDir = mkdtempSync('/run/ka-');
  readonly fifo = join(this.runDir, 'notify.fifo');
  /** keepalived in this station's namespace, whoever starts it. */
  readonly program = join(this.runDir, 'keepalived-here');
  readonly log: LogLine[] = [];
  readonly events: CheckEvent[] = [];
  readonly files: KeepalivedFiles;
  readonly keepalived: Keepalived;
  readonly #servers = new Map<string, ChildProcess>();

  constructor() {
    this.ip('netns', 'add', this.namespace);
    this.ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
    this.ip('-n', this.namespace, 'address', 'add', '10.9.0.0/16', 'dev', 'lo');
    writeFileSync(this.program, `#!/bin/sh\nexec ip netns exec ${this.namespace} keepalived "$@"\n`);
    chmodSync(this.program, 0o755);
    this.files = openKeepalivedFiles(this.runDir, { program: this.program });
    this.keepalived = this.supervise();
  }

  supervise(options: { deadlineMs?: number } = {}): Keepalived {
    return superviseKeepalived({
      ...options,
      configFile: this.files.configFile,
      fifo: this.fifo,
      program: this.program,
      log: recordingLogger(this.log),
      nowMs: monotonicMs,
      onCheck: (event) => this.events.push(event),
    });
  }

  ip(...args: string[]): string {
    return execFileSync('ip', args, { encoding: 'utf8' });
  }

  exec(...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.namespace, ...command], { encoding: 'utf8' });
  }

  /** `mark address:port weight` of every destination in the kernel, sorted. */
  kernel(): string[] {
    const entries: string[] = [];
    let mark = '';
    for (const line of this.exec('ipvsadm', '-S', '-n').split('\n')) {
      const words = line.split(' ');
      const after = (flag: string) => words[words.indexOf(flag) + 1] ?? '';
      if (words[0] === '-A') mark = after('-f');
      if (words[0] === '-a') entries.push(`${mark} ${after('-r')} ${after('-w')}`);
    }
    return entries.sort();
  }

  render(services: Record<number, Server[]>): Record<string, string> {
    const files: Record<string, string> = {
      'ipvs.conf': `global_defs {\n  lvs_notify_fifo ${this.fifo}\n  rs_init_notifies\n}\n`,
    };
    for (const [mark, servers] of Object.entries(services)) {
      const name = `virtual-services/${mark}.conf`;
      files['ipvs.conf'] += `include ${name}\n`;
      files[name] =
        `virtual_server fwmark ${mark} {\n  delay_loop 1\n  lb_algo lc\n  lb_kind NAT\n` +
        `${servers.map(renderServer).join('')}}\n`;
    }
    return files;
  }

  /** As the controller does: stage, test, commit, and tell keepalived. */
  async apply(services: Record<number, Server[]>) {
    const directory = await this.files.stage(this.render(services));
    const test = await this.files.test(directory);
    if (!test.ok) throw new Error(`refused: ${test.output}`);
    await this.files.commit(directory);
    return this.keepalived.started ? this.keepalived.reload() : this.keepalived.start();
  }

  async listen(address: string, port = 8080): Promise<void> {
    const listener = `TCP-LISTEN:${port},bind=${address},fork,reuseaddr`;
    const child = spawn('ip', ['netns', 'exec', this.namespace, 'socat', listener, '/dev/null']);
    this.#servers.set(address, child);
    await until(`${address}:${port} to listen`, () =>
      this.exec('ss', '-Hltn').includes(`${address}:${port}`),
    );
  }

  async unlisten(address: string): Promise<void> {
    const child = this.#servers.get(address);
    this.#servers.delete(address);
    if (!child) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  said(pattern: RegExp): LogLine[] {
    return this.log.filter((line) => pattern.test(line.message));
  }

  async close(): Promise<void> {
    await this.keepalived.stop();
    this.files.close();
    for (const address of [...this.#servers.keys()]) await this.unlisten(address);
    this.ip('netns', 'delete', this.namespace);
    rmSync(this.runDir, { recursive: true });
  }
}

function renderServer({
  address,
  port = 8080,
  weight = 1,
  check = true,
  upperThreshold = 20000,
}: Server): string {
  const checker = check ? '    TCP_CHECK {\n      connect_timeout 1\n      retry 0\n    }\n' : '';
  return `  real_server ${address} ${port} {\n    weight ${weight}\n    uthreshold ${upperThreshold}\n${checker}  }\n`;
}

export function recordingLogger(lines: LogLine[]): Logger {
  const at = (level: Level) => (event: string, _fields: object, message: string) => {
    lines.push({ level, event, message });
    if (process.env.KEEPALIVED_TEST_LOG) console.log(level, event, message);
  };
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}

/** Waits for a condition; tells what it waited for and what was seen last. */
export async function until(
  what: string,
  holds: () => boolean,
  seen: () => unknown = () => '',
  deadlineMs = 10_000,
) {
  const end = monotonicMs() + deadlineMs;
  while (!holds()) {
    if (monotonicMs() > end)
      throw new Error(`waited ${deadlineMs} ms for ${what}; seen: ${JSON.stringify(seen())}`);
    await sleep(10);
  }
}

/** Runs the check again until it throws no more. */
export async function eventually(check: () => void, deadlineMs = 10_000): Promise<void> {
  const end = monotonicMs() + deadlineMs;
  for (;;) {
    try {
      check();
      return;
    } catch (error) {
      if (monotonicMs() > end) throw error;
      await sleep(10);
    }
  }
}

/** '' when the process is gone. */
export function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
