// The only reader of the environment in lab/setup and lab/kernel.

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { SetUpFailure } from './failure.ts';
import { type KernelName, kernelNames } from './types.ts';

/** Everything that set-up makes: outside the checkout, shared by all checkouts. */
export function readCacheDir(environment = process.env): string {
  const { XDG_CACHE_HOME: base } = environment;
  // The XDG base directory specification: a relative path is to be ignored.
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'portable-lb');
}

/** LAB_KERNEL, if the user chose. */
export function readWantedKernel(environment = process.env): KernelName | undefined {
  const text = environment.LAB_KERNEL ?? '';
  return text === '' ? undefined : parseKernelName(text, `LAB_KERNEL=${text}`);
}

/** `given`: as the user wrote it. */
export function parseKernelName(text: string, given: string): KernelName {
  const name = kernelNames.find((known) => known === text);
  if (name === undefined)
    throw new SetUpFailure(`${given}: there is no such kernel; accepted are ${kernelNames.join(', ')}`);
  return name;
}

/** What a command that draws on our terminal has to know; empty where stdout is none. */
export function readTerminal(stdout: NodeJS.WriteStream, environment = process.env): Record<string, string> {
  if (!stdout.isTTY) return {};
  const { TERM = 'xterm', NO_COLOR } = environment;
  const colour: Record<string, string> = NO_COLOR === undefined ? {} : { NO_COLOR };
  return { LAB_TTY: '1', COLUMNS: String(stdout.columns), LINES: String(stdout.rows), TERM, ...colour };
}
