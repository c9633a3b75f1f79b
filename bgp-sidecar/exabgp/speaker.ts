/** The speaker made of ExaBGP: wires the process, the link to it, what it was told and its sessions. */
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '../../common/log.ts';
import type { FaultKind, Speaker, SpeakerEvents, SpeakerSettings } from '../speaker.ts';
import { writeSecretFile } from './config-file.ts';
import { makeEnvironment, renderConfig } from './config-text.ts';
import { type Deadlines, usualDeadlines } from './deadlines.ts';
import type { ApiEvent } from './events.ts';
import { listenForHelper } from './helper-socket.ts';
import { createLink } from './link.ts';
import type { LogLine } from './log-lines.ts';
import { runExabgp } from './process.ts';
import { createRib } from './rib.ts';
import { createSessions } from './sessions.ts';
import { steadyClockFile, steadyClockText } from './steady-clock.ts';
import { superviseExabgp } from './supervisor.ts';
import { createTeller } from './teller.ts';

export interface ExabgpParts {
  runDirectory: string;
  exabgp: string;
  socat: string;
  path: string;
  isRoot: boolean;
  log: Logger;
  events: SpeakerEvents;
  nowMs(): number;
  deadlines?: Partial<Deadlines>;
}

export function createExabgpSpeaker(parts: ExabgpParts): Speaker {
  const { log, events, nowMs } = parts;
  const deadlines = { ...usualDeadlines, ...parts.deadlines };
  const configFile = join(parts.runDirectory, 'exabgp.conf');
  const socket = join(parts.runDirectory, 'exabgp.sock');
  const rib = createRib();
  const sessions = createSessions({
    nowMs,
    onChange: (peer, status) => {
      // what ends at our own stop is no news
      if (!stopping) events.session(peer, status);
    },
  });
  let server: Server | undefined;
  let configText = '';
  let stopping = false;
  let askedSessionsAtMs = 0;
  let noSessionSinceMs = 0;
  let beat: NodeJS.Timeout | undefined;

  const supervisor = superviseExabgp({
    begin: () =>
      runExabgp({
        program: parts.exabgp,
        configFile,
        env: makeEnvironment(parts.path, parts),
        log,
        onLine,
      }),
    onStart({ pid }) {
      noSessionSinceMs = nowMs();
      link.expect();
      log.info('speaker', { pid }, 'ExaBGP is started');
    },
    onEnd({ how, asked, delayMs }) {
      link.reset();
      rib.forgetAll();
      sessions.lose(stopping ? 'the sidecar is stopping' : 'ExaBGP ended, and its sessions with it');
      if (!asked)
        fault('speaker-death', `${how}; every session is down; it is started again in ${delayMs} ms`);
      events.changed();
    },
  });

  const link = createLink({
    deadlines,
    nowMs,
    onEvent,
    onReady(established, again) {
      if (again) teller.repeat();
      believe(established);
      teller.sync();
    },
    onSessions: believe,
    onFault: fault,
    killHelpers: () => supervisor.run?.killHelpers(),
    killSpeaker: () => void supervisor.restart('kill'),
  });

  const teller = createTeller({
    rib,
    link,
    deadlines,
    nowMs,
    anyUp: () => sessions.anyUp,
    onFault: fault,
    onChange: () => events.changed(),
    restart: () => void supervisor.restart('kill'),
  });

  function fault(kind: FaultKind, why: string): void {
    if (stopping) return;
    log.warn('fault', { fault: kind }, `ExaBGP: ${why}`);
    events.fault(kind);
  }

  function onLine({ meaning }: LogLine): void {
    if (meaning === 'reloaded' || meaning === 'not-reloaded') supervisor.reloaded(meaning);
    if (meaning === 'no-neighbors' && !supervisor.ending) {
      fault(
        'speaker-stuck',
        'it has given up its peers, as it does when a helper dies at the wrong moment; it is started again',
      );
      void supervisor.restart('kill');
    }
  }

  function onEvent(event: ApiEvent): void {
    if (event.type === 'up') {
      rib.up(event.peer);
      sessions.up(event.peer);
    } else if (event.type === 'down') {
      rib.down(event.peer);
      if (stopping) sessions.lose('the sidecar is stopping');
      else sessions.down(event.peer, event.reason);
    } else if (event.type === 'sent') {
      rib.sent(event.peer, event.announced, event.withdrawn);
    } else return;
    events.changed();
  }

  /** Events may have been lost with a helper; ExaBGP's own list of sessions is the truth. */
  function believe(established: Set<string>): void {
    for (const peer of Object.keys(sessions.status())) {
      if (!established.has(peer)) rib.down(peer);
      else if (!sessions.isUp(peer)) {
        rib.up(peer);
        sessions.up(peer);
        teller.repeat();
      }
    }
    sessions.lose('the session ended unseen', established);
    events.changed();
  }

  async function onBeat(): Promise<void> {
    const now = nowMs();
    link.beat();
    if (sessions.anyUp) noSessionSinceMs = now;
    if (!link.ready) return;
    if (now - noSessionSinceMs > deadlines.noSessionMs) {
      noSessionSinceMs = now;
      log.info(
        'speaker',
        {},
        `no session for ${deadlines.noSessionMs / 1_000} s: ExaBGP is started again, so that it tries at once`,
      );
      events.fault('no-session');
      return void supervisor.restart('ask');
    }
    teller.beat();
    if (now - askedSessionsAtMs < deadlines.askSessionsMs) return;
    askedSessionsAtMs = now;
    await link.askSessions();
  }

  return {
    async configure(settings: SpeakerSettings) {
      server ??= await listenForHelper(socket, (helper) => link.accept(helper));
      beat ??= setInterval(() => void onBeat(), deadlines.beatMs);
      const text = renderConfig(settings, { socat: parts.socat, socket });
      if (text === configText) return;
      await writeSecretFile(join(parts.runDirectory, steadyClockFile), steadyClockText);
      await writeSecretFile(configFile, text);
      configText = text;
      const anyUp = sessions.anyUp;
      sessions.configure(settings);
      if (supervisor.run === undefined) supervisor.start();
      else if (!anyUp || !(await supervisor.reload(deadlines.reloadMs))) await supervisor.restart('ask');
      else {
        // a peer that is new to ExaBGP knows no route that came by its API
        teller.repeat();
        teller.sync();
      }
      events.changed();
    },
    set(routes) {
      rib.want(routes);
      teller.sync();
    },
    status: () => ({ prefixes: rib.prefixes(), peers: sessions.status(), unsettled: rib.untold() }),
    async stop(how) {
      stopping = true;
      clearInterval(beat);
      await supervisor.stop(how);
      server?.close();
    },
  };
}
