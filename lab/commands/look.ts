import { readFileSync } from 'node:fs';
import type { RoleDescription } from '../api.ts';
import { endKernel, execInKernel } from '../kernel/run.ts';
import { findKeptLab } from './run-dir.ts';

/** `ls`, `exec`, `logs`, `down`: for a lab that `npm start -- --keep` left running. */
export async function look(command: string, args: string[]): Promise<number> {
  const runDir = await findKeptLab();
  if (runDir === undefined) {
    console.error('no lab is running: start one with `npm start -- --keep`');
    return 1;
  }
  if (command === 'down') {
    await endKernel(runDir);
    console.log('the lab is down');
    return 0;
  }
  return execInKernel(runDir, ['node', 'lab/inside.ts', command, ...args], { stdin: process.stdin });
}

/** `ls` as a table. */
export function tableOf(roles: RoleDescription[]): string {
  const rows = roles.map(({ name, kind, addresses, processes }) => {
    const running = Object.entries(processes).map(
      ([program, { pid }]) => `${program} ${pid === 0 ? '(dead)' : pid}`,
    );
    return [name, kind, addresses.join(' '), running.join(', ')];
  });
  const table = [['ROLE', 'KIND', 'ADDRESSES', 'PROGRAMS AND THEIR PIDS'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function readDescription(file: string): { runDir: string; roles: RoleDescription[] } {
  return JSON.parse(readFileSync(file, 'utf8'));
}
