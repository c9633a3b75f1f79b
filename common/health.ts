/** Health and metrics on the program's own address, at the port that the settings name now. */
import { type HealthOptions, type HealthServer, serveHealth } from './http.ts';
import type { Logger } from './log.ts';
import { reasonOf } from './problem.ts';

export interface Health {
  /** Listens there; a port that cannot be had is told once and tried again, and the former one goes on. */
  follow(port: number): void;
  close(): Promise<void>;
}

const retryMs = 2000;

export interface HealthPlace extends Omit<HealthOptions, 'port'> {
  /** HEALTH_PORT: listened to whatever port the settings name; undefined: theirs */
  readonly ownPort?: number | undefined;
}

export function createHealth({ ownPort, ...options }: HealthPlace, log: Logger): Health {
  let server: HealthServer | undefined;
  let asked: number | undefined;
  let told = '';
  let retry: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();

  const listen = async (port: number) => {
    if (port !== asked) return;
    try {
      const opened = await serveHealth({ ...options, port });
      await server?.close();
      server = opened;
      told = '';
    } catch (problem) {
      const message = reasonOf(problem);
      if (message !== told) log.error('health', { port }, message);
      told = message;
      retry = setTimeout(() => begin(port), retryMs);
    }
  };

  const begin = (port: number) => {
    clearTimeout(retry);
    last = last.then(() => listen(port));
  };

  return {
    follow(named) {
      const port = ownPort ?? named;
      if (port === asked) return;
      asked = port;
      begin(port);
    },
    async close() {
      asked = undefined;
      await last;
      clearTimeout(retry);
      await server?.close();
    },
  };
}

/**
 * HEALTH_PORT, which a pod is made with: its probes ask that port for its life, while settings reach it that are for
 * those that replace it. undefined: it is not set, or no port, and the settings say.
 */
export function readHealthPort(text: string | undefined): number | undefined {
  const port = Number(text);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined;
}

/** For live(): a loop that stands still, or undefined. */
export function whyStuck(stoodMs: number, longestMs: number): string | undefined {
  return stoodMs > longestMs ? `the loop has stood still for ${Math.round(stoodMs / 1000)} s` : undefined;
}
