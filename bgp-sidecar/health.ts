/** /livez, /readyz and /metrics on the pod's own address; the port follows the settings. */
import { type HealthServer, serveHealth } from '../common/http.ts';
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import type { SpeakerStatus } from './speaker.ts';

export interface Health {
  /** Until it listens there; the last port is left. */
  listen(port: number): void;
}

export interface HealthParts {
  address: string;
  log: Logger;
  live(): string | undefined;
  ready(): string | undefined;
  metrics(): Promise<string>;
}

const retryMs = 2_000;

export function createHealth({ log, ...parts }: HealthParts): Health {
  let server: HealthServer | undefined;
  let wanted = 0;
  let told = '';
  let turn: Promise<void> = Promise.resolve();
  let retry: NodeJS.Timeout | undefined;

  async function move(): Promise<void> {
    if (server?.port === wanted) return;
    await server?.close();
    server = undefined;
    try {
      server = await serveHealth({ ...parts, port: wanted });
      told = '';
    } catch (error) {
      const why = reasonOf(error);
      if (why !== told) log.error('health', {}, why);
      told = why;
      retry = setTimeout(next, retryMs);
    }
  }

  function next(): void {
    clearTimeout(retry);
    turn = turn.then(move);
  }

  return {
    listen(port) {
      wanted = port;
      next();
    },
  };
}

/** Why not ready: at least one peer is established, and each of those was told what the lease wants. */
export function whyNotReady({ peers, unsettled }: SpeakerStatus): string | undefined {
  const states = Object.values(peers);
  if (!states.some(({ up }) => up))
    return `no session is up: ${states.map(({ problem }) => problem ?? 'not tried yet').join('; ')}`;
  return unsettled;
}
