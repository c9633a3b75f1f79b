/** The speaker made of ExaBGP: wires the process, the link to it, its configuration, what it was told and its sessions. */
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '../../common/log.ts';
import type { FaultKind, Speaker, SpeakerEvents } from '../speaker.ts';
import { makeEnvironment } from './config-text.ts';
import { createConfiguration } from './configuration.ts';
import { type Deadlines, usualDeadlines } from './deadlines.ts';
import { listenForHelper } from './helper-socket.ts';
import { createLink } from './link.ts';
import type { LogLine } from './log-lines.ts';
import { createNews } from './news.ts';
import { runExabgp } from './process.ts';
import { createPulse } from './pulse.ts';
import { createRib } from './rib.ts';
import { createSessions } from './sessions.ts';
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
  const { log, events, nowMs, runDirectory, socat } = parts;
  const deadlines = { ...usualDeadlines, ...parts.deadlines };
  const configFile = join(runDirectory, 'exabgp.conf');
  const socket = join(runDirectory, 'exabgp.sock');
  const rib = createRib();
  const sessions = createSessions({
    nowMs,
    onChange: (peer, status, change) => {
      // what ends at our own stop is no news
      if (!stopping) events.session(peer, status, change);
    },
  });
  let server: Server | undefined;
  let stopping = false;
  /** the next start was told with its reason */
  let quiet = false;

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
      pulse.refresh();
      link.expect();
      log[quiet ? 'debug' : 'info']('speaker', { pid }, 'ExaBGP is started');
      quiet = false;
    },
    onEnd({ how, asked, delayMs }) {
      link.reset();
      news.lose();
      if (!asked)
        fault('speaker-death', `${how}; every session is down; it is started again in ${delayMs} ms`);
    },
  });

  const link = createLink({
    deadlines,
    nowMs,
    onEvent: (event) => news.hear(event),
    onReady(established, again) {
      if (again) teller.repeat();
      news.believe(established);
      teller.sync();
    },
    onSessions: (established) => news.believe(established),
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

  const news = createNews({
    rib,
    sessions,
    isStopping: () => stopping,
    onMissed: teller.repeat,
    onChange: () => events.changed(),
  });

  const configuration = createConfiguration({
    ...{ runDirectory, configFile, socat, socket, deadlines, nowMs, sessions, supervisor },
    onReloaded() {
      news.forgetGone();
      teller.repeat();
      teller.sync();
    },
  });
  const pulse = createPulse({
    ...{ deadlines, log, nowMs, link, sessions, teller, configuration },
    onNoSession() {
      events.fault('no-session');
      quiet = true;
      void supervisor.restart('ask');
    },
  });

  function fault(kind: FaultKind, why: string): void {
    // a helper that ends with the ExaBGP that was told to end is no news
    if (stopping || (kind === 'helper-death' && supervisor.ending)) return;
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

  return {
    async configure(settings) {
      server ??= await listenForHelper(socket, (helper) => link.accept(helper));
      pulse.begin();
      await configuration.want(settings);
      events.changed();
    },
    set(routes) {
      rib.want(routes);
      teller.sync();
    },
    status: () => ({ prefixes: rib.prefixes(), peers: sessions.status(), unsettled: rib.untold() }),
    async stop(how) {
      stopping = true;
      pulse.end();
      await supervisor.stop(how);
      server?.close();
    },
  };
}
