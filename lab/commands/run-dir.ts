import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../kernel/places.ts';
import { isKernelUp } from '../kernel/run.ts';

const runsDir = join(checkout, '.lab', 'runs');
const runsKept = 12;
/** In the folder of a lab that its command left running: tests and demos under way are nobody else's to look into. */
const keptMark = 'kept';

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

export async function markIfKept(runDir: string): Promise<void> {
  if (await isKernelUp(runDir)) markKept(runDir, keptMark);
}

export function markKept(runDir: string, mark: string): void {
  writeFileSync(join(runDir, mark), '');
}

/** Folder of the newest lab that was left running; undefined when none is. */
export function findKeptLab(): Promise<string | undefined> {
  return findKept(keptMark);
}

/** The same for what has another mark. */
export async function findKept(mark: string): Promise<string | undefined> {
  for (const runDir of runs()) {
    if (existsSync(join(runDir, mark)) && (await isKernelUp(runDir))) return runDir;
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
