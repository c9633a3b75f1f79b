import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { waitFor } from '../wait.ts';

/** The controller's log line of one reload, the durations of its steps. */
export interface ReloadLine {
  renderMs: number;
  testMs: number;
  writeMs: number;
  kernelMs: number;
  rulesMs: number;
  totalMs: number;
}

/** Follows a growing log without reading it from its beginning again. */
export class LogTail {
  readonly #fd: number;
  #offset: number;
  lines = 0;
  bytes = 0;

  constructor(file: string) {
    this.#fd = openSync(file, 'r');
    this.#offset = fstatSync(this.#fd).size;
  }

  /** Lines written since the last call; an unfinished one comes with the next. */
  take(): string[] {
    const size = fstatSync(this.#fd).size - this.#offset;
    if (size <= 0) return [];
    const buffer = Buffer.alloc(size);
    const read = readSync(this.#fd, buffer, 0, size, this.#offset);
    const end = buffer.subarray(0, read).lastIndexOf('\n') + 1;
    this.#offset += end;
    this.bytes += end;
    const lines = buffer.toString('utf8', 0, end).split('\n').slice(0, -1);
    this.lines += lines.length;
    return lines;
  }

  /** The next line of a reload. */
  async nextReload(deadlineMs: number): Promise<ReloadLine> {
    return waitFor(
      'the log line of a reload',
      () => {
        for (const line of this.take()) {
          if (line.includes('"event":"reload"')) return JSON.parse(line) as ReloadLine;
        }
        return undefined;
      },
      { deadlineMs },
    );
  }

  close(): void {
    closeSync(this.#fd);
  }
}
