/** `demo` inside the lab's kernel. */
import { runDemo } from './demo.ts';
import { createScreen } from './screen.ts';

/** Gives the exit code: 1 when a figure does not hold. */
export async function run(_args: string[]): Promise<number> {
  const terminal = process.env.LAB_TTY === '1' ? { width: Number(process.env.COLUMNS) || 80 } : undefined;
  const { failed } = await runDemo(createScreen((text) => process.stdout.write(text), terminal));
  return failed.length === 0 ? 0 : 1;
}
