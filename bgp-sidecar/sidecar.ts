/** The loop: lease, settings, sessions and signals in; decisions out to the speaker, the state file and the log. */
import type { LeaseRead } from '../common/lease.ts';
import type { Logger } from '../common/log.ts';
import type { Problem } from '../common/problem.ts';
import { reasonOf } from '../common/problem.ts';
import type { Settings } from '../common/settings.ts';
import type { SpeakerState } from '../common/speaker-state.ts';
import { type Action, type AnnounceEvent, decide, startAnnouncing } from './announce.ts';
import { problems } from './errors.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { type Identity, makeRoutes } from './routes.ts';
import { createSessionReport } from './session-report.ts';
import type { SidecarSettings } from './settings-source.ts';
import type { PeerStatus, Speaker, SpeakerEvents, SpeakerStatus } from './speaker.ts';
import type { StateWriter } from './state-writer.ts';

export interface SidecarParts {
  identity: Identity;
  log: Logger;
  nowMs(): number;
  stateWriter: StateWriter;
  makeSpeaker(events: SpeakerEvents): Speaker;
  /** Everything is withdrawn and ended: the program may exit. */
  onEnd(): void;
}

export interface Sidecar {
  readonly metrics: Metrics;
  onLease(reading: LeaseRead): void;
  onSettings(settings: SidecarSettings): void;
  onProblems(found: Problem[]): void;
  /** SIGTERM. */
  onStop(): void;
  tick(): void;
  status(): SpeakerStatus;
  /** undefined before the first usable settings; then whether anything is to be announced */
  readonly announces: boolean | undefined;
  readonly lastTurnMs: number;
}

/** Until the settings say; their own default is the same. */
const usualLastResortMs = 300_000;

const silent: SpeakerStatus = { prefixes: {}, peers: {} };

export function createSidecar(parts: SidecarParts): Sidecar {
  const { log, nowMs, identity } = parts;
  let state = startAnnouncing(usualLastResortMs);
  let speaker: Speaker | undefined;
  let settings: Settings | undefined;
  let configuring: Promise<void> = Promise.resolve();
  let wake: NodeJS.Timeout | undefined;
  let torn = '';
  let refusedPrefixes = '';
  let lastTurnMs = nowMs();
  let lastWrite = '';
  const report = createSessionReport(log);
  const status = () => speaker?.status() ?? silent;
  const metrics = createMetrics({
    status,
    leaseAgeSeconds: () => state.lease && (nowMs() - state.lease.renewedAtMs) / 1_000,
  });

  function handle(event: AnnounceEvent): void {
    lastTurnMs = nowMs();
    const decision = decide(state, event, nowMs());
    state = decision.state;
    for (const action of decision.actions) act(action);
  }

  function act(action: Action): void {
    if (action.type === 'wait') {
      clearTimeout(wake);
      // a millisecond more: a timer may fire a little early
      wake = setTimeout(() => handle({ type: 'tick' }), Math.min(action.untilMs - nowMs() + 1, 2 ** 31 - 1));
    } else if (action.type === 'tell') {
      const { phase, reason, prefixes } = action;
      metrics.transitions.inc({ to: phase });
      const level = phase === 'last-resort' ? 'warn' : 'info';
      const what = Object.entries(prefixes).map(([prefix, kind]) => `${prefix} ${kind}`);
      log[level]('announce', { phase, prefixes }, `${what.join(', ') || 'no prefix'}: ${reason}`);
      tellSpeaker();
    } else end(action.why);
  }

  function tellSpeaker(): void {
    if (settings?.bgp !== undefined) {
      const { routes, refused } = makeRoutes(state.prefixes, settings.bgp, identity);
      const words = refused.map(({ message }) => message).join('\n');
      if (words !== refusedPrefixes && words !== '') log.error('announce', {}, words);
      refusedPrefixes = words;
      speaker?.set(routes);
    }
    onSpeaker();
  }

  function onSpeaker(): void {
    save(false);
    handle({ type: 'speaker', settled: status().unsettled === undefined });
  }

  /** At each change, and each second: a state that stands still is that of a dead sidecar. */
  function save(always: boolean): Promise<void> | undefined {
    const { prefixes, peers } = status();
    const stopping = state.stoppingSinceMs !== undefined;
    const text = JSON.stringify([prefixes, peers, stopping]);
    if (!always && text === lastWrite) return undefined;
    lastWrite = text;
    const now: SpeakerState = { version: 1, writtenAtMs: nowMs(), stopping, prefixes, peers };
    return parts.stateWriter.write(now);
  }

  function end(why: string): void {
    clearTimeout(wake);
    log[why === 'withdrawn' ? 'info' : 'warn']('stop', { why }, endings[why] ?? why);
    void (async () => {
      if (why === 'second signal') return parts.onEnd();
      await save(true);
      await speaker?.stop(why === 'deadline' ? 'kill' : 'ask');
      await save(true);
      parts.onEnd();
    })();
  }

  async function configure(given: SidecarSettings): Promise<void> {
    try {
      if (given.speaker === undefined) {
        await speaker?.stop('ask');
        speaker = undefined;
      } else {
        speaker ??= parts.makeSpeaker(speakerEvents);
        // what is wanted is known to the speaker before it has a session
        tellSpeaker();
        await speaker.configure(given.speaker);
      }
      tellSpeaker();
    } catch (error) {
      log.error('settings', {}, reasonOf(error));
    }
  }

  const speakerEvents: SpeakerEvents = {
    changed: onSpeaker,
    session(peer: string, peerStatus: PeerStatus) {
      report.changed(peer, peerStatus);
      metrics.sessionChanges.inc({ peer, to: peerStatus.up ? 'up' : 'down' });
    },
    fault: (kind) => metrics.faults.inc({ kind }),
  };

  return {
    metrics,
    status,
    get announces() {
      return settings && settings.bgp !== undefined;
    },
    get lastTurnMs() {
      return lastTurnMs;
    },
    onLease(reading) {
      const why = reading.state === 'torn' ? reading.why : '';
      if (why !== '' && why !== torn) {
        metrics.leaseTorn.inc();
        log.warn('lease', {}, problems.LEASE_TORN(why).message);
      }
      torn = why;
      handle({ type: 'lease', reading });
    },
    onSettings(given) {
      settings = given.settings;
      const { bgp } = settings;
      if (bgp === undefined) log.info('settings', {}, 'the settings have no bgp: nothing is announced');
      else
        log.info(
          'settings',
          {},
          `settings: AS ${bgp.localAS}, peers ${bgp.peers.map(({ address }) => address).join(', ')}`,
        );
      handle({ type: 'settings', lastResortMs: (bgp?.lastResortSeconds ?? 0) * 1_000 });
      configuring = configuring.then(() => configure(given));
    },
    onProblems(found) {
      const words = found.map(({ message }) => message).join('; ');
      if (words === '') return;
      const problem = settings === undefined ? problems.NO_SETTINGS(words) : problems.SETTINGS_KEPT(words);
      log.error('settings', {}, problem.message);
    },
    onStop: () => handle({ type: 'stop' }),
    tick() {
      handle({ type: 'tick' });
      report.tick(status().peers, nowMs());
      void save(true);
    },
  };
}

const endings: Record<string, string> = {
  withdrawn: 'every established peer was told that the prefixes are withdrawn: ending the sessions',
  deadline:
    'the peers could not be told in time that the prefixes are withdrawn: ending the sessions, which withdraws too',
  'second signal': 'a second signal: exiting at once',
};
