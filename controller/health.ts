/** Health and metrics on the pod's own address, at the port that the settings name now. */
import { type HealthOptions, type HealthServer, serveHealth } from '../common/http.ts';
import type { Logger } from '../common/log.ts';

export interface Health {
  /** Listens there; a port that cannot be had is told, and the former one goes on. */
  follow(port: number): void;
  close(): Promise<void>;
}

export function createHealth(options: Omit<HealthOptions, 'port'>, log: Logger): Health {
  let server: HealthServer | undefined;
  let asked: number | undefined;
  let last: Promise<void> = Promise.resolve();

  const listen = async (port: number) => {
    try {
      const opened = await serveHealth({ ...options, port });
      await server?.close();
      server = opened;
    } catch (problem) {
      asked = undefined;
      log.error('health', { port }, (problem as Error).message);
    }
  };

  return {
    follow(port) {
      if (port === asked) return;
      asked = port;
      last = last.then(() => listen(port));
    },
    async close() {
      await last;
      await server?.close();
    },
  };
}
