import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Lock {
  /** Resolves when another process can have it. */
  release(): Promise<void>;
}

/**
 * Takes a lock that dies with this process, however it ends: flock(1) holds it while its stdin, a pipe from us,
 * is open. `onWait` is told the process that has it. Waits without end: a kernel takes minutes to build.
 */
export async function takeLock(file: string, onWait: (owner: string) => void): Promise<Lock> {
  mkdirSync(dirname(file), { recursive: true });
  const lock = (await tryFlock(file, ['--nonblock'])) ?? (await waitForFlock(file, onWait));
  writeFileSync(file, `${process.pid}\n`);
  return lock;
}

async function waitForFlock(file: string, onWait: (owner: string) => void): Promise<Lock> {
  onWait(readFileSync(file, 'utf8').trim() || 'unknown');
  const lock = await tryFlock(file, []);
  if (lock === undefined) throw new Error(`cannot lock ${file}: flock (package util-linux) failed`);
  return lock;
}

function tryFlock(file: string, options: string[]): Promise<Lock | undefined> {
  return new Promise((done, refuse) => {
    const holder = spawn('flock', [...options, file, 'sh', '-c', 'echo held; exec cat >/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    holder.stdin.on('error', () => {});
    const gone = new Promise<void>((ended) => holder.once('exit', () => ended()));
    const release = () => {
      holder.stdin.end();
      return gone;
    };
    holder.stdout.once('data', () => done({ release }));
    void gone.then(() => done(undefined));
    holder.once('error', (error) => refuse(new Error(`cannot lock ${file}: ${error.message}`)));
  });
}
