/** ExaBGP's configuration: what of the wanted neighbors may be in force now is written and made so, step by step. */
import { join } from 'node:path';
import type { SpeakerSettings } from '../speaker.ts';
import { writeSecretFile } from './config-file.ts';
import { renderConfig, renderNeighbor } from './config-text.ts';
import { type Neighbors, noNeighbors, rollOn, sameNeighbors } from './neighbors.ts';
import type { Sessions } from './sessions.ts';
import { steadyClockFile, steadyClockText } from './steady-clock.ts';
import type { Supervisor } from './supervisor.ts';

export interface ConfigurationDeadlines {
  reloadMs: number;
  /** a session that began anew is waited for so long, before the next one is begun */
  againMs: number;
}

export interface ConfigurationParts {
  runDirectory: string;
  configFile: string;
  socat: string;
  socket: string;
  deadlines: ConfigurationDeadlines;
  nowMs(): number;
  sessions: Sessions;
  supervisor: Supervisor;
  /** Neighbors came or changed under ExaBGP's hands: they know no route that came by its API. */
  onReloaded(): void;
}

export interface Configuration {
  /** From now on; resolves when as much of it as may be now is in force. */
  want(settings: SpeakerSettings): Promise<void>;
  /** Time has passed: perhaps the next step may be taken. */
  beat(): Promise<void>;
}

export function createConfiguration(parts: ConfigurationParts): Configuration {
  const { deadlines, nowMs, sessions, supervisor } = parts;
  let settings: SpeakerSettings | undefined;
  let wanted: Neighbors = new Map();
  let now = noNeighbors;
  let turn: Promise<void> = Promise.resolve();
  let busy = false;

  function next(): Promise<void> {
    const done = turn.then(step);
    turn = done.catch(() => undefined);
    return done;
  }

  async function step(): Promise<void> {
    if (settings === undefined) return;
    const { upSinceMs } = sessions;
    const then = rollOn(now, wanted, { upSinceMs, nowMs: nowMs(), patienceMs: deadlines.againMs });
    if (!sameNeighbors(then.neighbors, now.neighbors)) {
      const texts = [...then.neighbors.values()].map(({ text }) => text);
      await writeSecretFile(join(parts.runDirectory, steadyClockFile), steadyClockText);
      await writeSecretFile(parts.configFile, renderConfig(texts, parts));
      busy = true;
      await putInForce(settings, then.neighbors).finally(() => {
        busy = false;
      });
    }
    // not before it is in force: what failed is tried again
    now = then;
  }

  async function putInForce({ localAS, address }: SpeakerSettings, neighbors: Neighbors): Promise<void> {
    const { anyUp } = sessions;
    sessions.configure({ localAS, address, peers: [...neighbors.values()].map(({ peer }) => peer) });
    if (supervisor.run === undefined) supervisor.start();
    else if (!anyUp || !(await supervisor.reload(deadlines.reloadMs))) await supervisor.restart('ask');
    else parts.onReloaded();
  }

  return {
    want(given) {
      settings = given;
      wanted = new Map(
        given.peers.map((peer) => [peer.address, { peer, text: renderNeighbor(given, peer) }]),
      );
      return next();
    },
    async beat() {
      if (!busy) await next();
    },
  };
}
