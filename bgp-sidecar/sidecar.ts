/** The loop: lease, settings, sessions and signals in; decisions out to the speaker, the state file and the log. */
import type { LeaseRead } from '../common/lease.ts';
import type { Logger } from '../common/log.ts';
import type { Problem } from '../common/problem.ts';
import type { Settings } from '../common/settings.ts';
import { createAnnouncer, type Ending, type Tell } from './announcer.ts';
import { problems } from './errors.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createNameReport } from './name-report.ts';
import type { NameNote } from './peers.ts';
import { reportEnding, reportSettings, reportTell } from './report.ts';
import { type Identity, makeRoutes } from './routes.ts';
import { createSessionReport } from './session-report.ts';
import type { SidecarSettings } from './settings-source.ts';
import type { Speaker, SpeakerEvents, SpeakerStatus } from './speaker.ts';
import { keepSpeaker } from './speaker-keeper.ts';
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
  onNotes(notes: NameNote[]): void;
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

export function createSidecar(parts: SidecarParts): Sidecar {
  const { log, nowMs, identity } = parts;
  let settings: Settings | undefined;
  let torn = false;
  let refusedPrefixes = '';
  const sessionReport = createSessionReport(log);
  const announcer = createAnnouncer({ lastResortMs: usualLastResortMs, nowMs, onTell, onEnd });
  const speaker = keepSpeaker({
    log,
    makeSpeaker: parts.makeSpeaker,
    events: {
      changed: onSpeaker,
      session(peer, status, change) {
        sessionReport.changed(peer, status);
        metrics.sessionChanges.inc({ peer, to: change });
      },
      fault: (kind) => metrics.faults.inc({ kind }),
    },
  });
  const { status } = speaker;
  const metrics = createMetrics({
    status,
    leaseAgeSeconds() {
      const { lease } = announcer.state;
      return lease && (nowMs() - lease.renewedAtMs) / 1_000;
    },
  });

  function onTell(tell: Tell): void {
    metrics.transitions.inc({ to: tell.phase });
    reportTell(log, tell);
    tellSpeaker();
  }

  function tellSpeaker(): void {
    if (settings?.bgp !== undefined) {
      const { routes, refused } = makeRoutes(announcer.state.prefixes, settings.bgp, identity);
      const words = refused.map(({ message }) => message).join('\n');
      if (words !== refusedPrefixes && words !== '') log.error('announce', {}, words);
      refusedPrefixes = words;
      speaker.set(routes);
    }
    onSpeaker();
  }

  function onSpeaker(): void {
    void save('changed');
    announcer.handle({ type: 'speaker', settled: status().unsettled === undefined });
  }

  /** At each change, and each second: a state that stands still is that of a dead sidecar. */
  function save(when: 'changed' | 'always'): Promise<void> {
    const { prefixes, peers } = status();
    const stopping = announcer.state.stoppingSinceMs !== undefined;
    return parts.stateWriter.write({ version: 1, writtenAtMs: nowMs(), stopping, prefixes, peers }, when);
  }

  async function onEnd(why: Ending): Promise<void> {
    reportEnding(log, why);
    if (why === 'second signal') return parts.onEnd();
    await save('always');
    await speaker.stop(why === 'deadline' ? 'kill' : 'ask');
    await save('always');
    parts.onEnd();
  }

  return {
    metrics,
    status,
    get announces() {
      return settings && settings.bgp !== undefined;
    },
    get lastTurnMs() {
      return announcer.lastTurnMs;
    },
    onLease(reading) {
      if (reading.state === 'torn' && !torn) {
        metrics.leaseTorn.inc();
        log.warn('lease', {}, problems.LEASE_TORN(reading.why).message);
      }
      torn = reading.state === 'torn';
      announcer.handle({ type: 'lease', reading });
    },
    onSettings(given) {
      if (announcer.state.stoppingSinceMs !== undefined) return;
      reportSettings(log, settings, given);
      settings = given.settings;
      const lastResortMs = (settings.bgp?.lastResortSeconds ?? 0) * 1_000;
      announcer.handle({ type: 'settings', lastResortMs });
      tellSpeaker();
      speaker.configure(given.speaker);
    },
    onProblems(found) {
      const words = found.map(({ message }) => message).join('; ');
      if (words === '') return;
      const problem = settings === undefined ? problems.NO_SETTINGS(words) : problems.SETTINGS_KEPT(words);
      log.error('settings', {}, problem.message);
    },
    onNotes: createNameReport(log, nowMs),
    onStop: () => announcer.handle({ type: 'stop' }),
    tick() {
      announcer.handle({ type: 'tick' });
      sessionReport.tick(status().peers, nowMs());
      void save('always');
    },
  };
}
