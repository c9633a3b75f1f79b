import { createWriteStream } from 'node:fs';

export interface Console {
  take(chunk: Buffer): void;
  /** The sentence for the reader, if the kernel panicked. */
  panic(): string | undefined;
  lastLines(): string;
}

const keptLines = 60;
const shownLines = 15;
/** So long after the first line of a panic the rest of its report is there too. */
const reportMs = 200;

/** Writes the kernel's console to a file and watches it for a panic. */
export function openConsole(file: string, onPanic: () => void): Console {
  const log = createWriteStream(file, { flags: 'a' });
  let lines: string[] = [];
  let rest = '';
  let panic: string | undefined;

  return {
    take(chunk) {
      log.write(chunk);
      const complete = (rest + chunk.toString()).split(/\r?\n/);
      rest = complete.pop() ?? '';
      lines = [...lines, ...complete.filter((line) => line.trim() !== '')].slice(-keptLines);
      const found = complete.find((line) => line.includes('Kernel panic'));
      if (found === undefined || panic !== undefined) return;
      panic = `the kernel panicked: ${found.trim()}`;
      setTimeout(onPanic, reportMs);
    },
    panic: () => panic,
    // From the panic on, else the last of what was said.
    lastLines() {
      const at = lines.findIndex((line) => line.includes('Kernel panic'));
      const shown = at < 0 ? lines.slice(-shownLines) : lines.slice(at, at + shownLines);
      return shown.join('\n');
    },
  };
}
