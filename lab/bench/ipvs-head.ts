import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Asking takes at most a tenth of the processor: it is the one that is measured. */
const askingShare = 0.1;
/** Who asks may lose the processor while it does: it is not to sleep ten times as long for that. */
const longestRestMs = 6;

/**
 * The beginning of a namespace's /proc/net/ip_vs, asked again and again for one real server. A server that is
 * added comes first in its virtual service (ip_vs_ctl.c __ip_vs_update_dest: list_add_rcu), so the first lines
 * tell both its coming and its going. The kernel formats the whole virtual service for them: 0.6 ms at 500 servers.
 */
export class IpvsHead {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(1024);

  /** Of the network namespace that the process is in. */
  constructor(pid: number) {
    this.#fd = openSync(`/proc/${pid}/net/ip_vs`, 'r');
  }

  has(address: string): boolean {
    const length = this.#buffer.length;
    let bytes = readSync(this.#fd, this.#buffer, 0, length, 0);
    // A virtual service that outgrew the kernel's buffer comes with the read that makes it larger (seq_file.c).
    if (bytes < length) bytes += readSync(this.#fd, this.#buffer, bytes, length - bytes, bytes);
    return this.#buffer.toString('latin1', 0, bytes).includes(hexOf(address));
  }

  /** The moment (performance.now()) at which the server was first seen there, or not there. */
  async waitFor(address: string, wanted: 'present' | 'absent', deadlineMs = 30_000): Promise<number> {
    const startedAtMs = performance.now();
    for (;;) {
      const askedAtMs = performance.now();
      const isThere = this.has(address);
      const answeredAtMs = performance.now();
      if (isThere === (wanted === 'present')) return answeredAtMs;
      if (answeredAtMs - startedAtMs > deadlineMs) {
        const head = this.#buffer.toString('latin1').split('\n').slice(0, 8).join('\n');
        throw new Error(
          `waited ${deadlineMs / 1000} s for ${address} to be ${wanted}; IPVS begins:\n${head}`,
        );
      }
      const restMs = (answeredAtMs - askedAtMs) / askingShare;
      await sleep(Math.min(Math.max(1, restMs), longestRestMs));
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** As /proc/net/ip_vs writes an address: `0A630001`. */
function hexOf(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `${bytes.join('').toUpperCase()}:`;
}
