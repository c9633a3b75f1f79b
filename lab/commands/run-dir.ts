import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../kernel/places.ts';
import { isKernelUp } from '../kernel/run.ts';

const runsDir = join(checkout, '.lab', 'runs');
const runsKept = 8;

/** A fresh folder for the logs and results of one run of a command; the oldest are removed. */
export async function makeRunDir(command: string): Promise<string> {
  mkdirSync(runsDir, { recursive: true });
  for (const old of runs().slice(runsKept - 1)) {
    if (!(await isKernelUp(old))) rmSync(old, { recursive: true, force: true });
  }
  const time = new Date().toISOString().replaceAll(':', '').replace('T', '-').slice(0, 17);
  for (let number = 1; ; number++) {
    const runDir = join(runsDir, `${time}-${command}${number === 1 ? '' : `-${number}`}`);
    if (existsSync(runDir)) continue;
    mkdirSync(runDir);
    return runDir;
  }
}

/** Folder of the newest lab that is up; undefined when none is. */
export async function findRunningLab(): Promise<string | undefined> {
  for (const runDir of runs()) {
    if (await isKernelUp(runDir)) return runDir;
  }
  return undefined;
}

/** Newest first. */
function runs(): string[] {
  if (!existsSync(runsDir)) return [];
  return readdirSync(runsDir)
    .sort()
    .reverse()
    .map((name) => join(runsDir, name));
}
