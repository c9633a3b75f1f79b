/** The loop: lease, settings, sessions and signals in; decisions out to the speaker, the state file and the log. */
import type { LeaseRead } from '../common/lease.ts';
import type { Logger } from '../common/log.ts';
import type { Problem } from '../common/problem.ts';
import type { Settings } from '../common/settings.ts';
import { type Action, type AnnounceEvent, decide, startAnnouncing } from './announce.ts';
import { problems } from './errors.ts';
import { createMetrics, type Metrics } from './metrics.ts';
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
  let state = startAnnouncing(usualLastResortMs);
  let settings: Settings | undefined;
  let wake: NodeJS.Timeout | undefined;
  let torn = false;
  let refusedPrefixes = '';
  let lastTurnMs = nowMs();
  const report = createSessionReport(log);
  const speaker = keepSpeaker({
    log,
    makeSpeaker: parts.makeSpeaker,
    events: {
      changed: onSpeaker,
      session(peer, status) {
        report.changed(peer, status);
        metrics.sessionChanges.inc({ peer, to: status.up ? 'up' : 'down' });
      },
      fault: (kind) => metrics.faults.inc({ kind }),
    },
  });
  const { status } = speaker;
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
      speaker.set(routes);
    }
    onSpeaker();
  }

  function onSpeaker(): void {
    void save('changed');
    handle({ type: 'speaker', settled: status().unsettled === undefined });
  }

  /** At each change, and each second: a state that stands still is that of a dead sidecar. */
  function save(when: 'changed' | 'always'): Promise<void> {
    const { prefixes, peers } = status();
    const stopping = state.stoppingSinceMs !== undefined;
    return parts.stateWriter.write({ version: 1, writtenAtMs: nowMs(), stopping, prefixes, peers }, when);
  }

  function end(why: string): void {
    clearTimeout(wake);
    log[why === 'withdrawn' ? 'info' : 'warn']('stop', { why }, endings[why] ?? why);
    void (async () => {
      if (why === 'second signal') return parts.onEnd();
      await save('always');
      await speaker.stop(why === 'deadline' ? 'kill' : 'ask');
      await save('always');
      parts.onEnd();
    })();
  }

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
      if (reading.state === 'torn' && !torn) {
        metrics.leaseTorn.inc();
        log.warn('lease', {}, problems.LEASE_TORN(reading.why).message);
      }
      torn = reading.state === 'torn';
      handle({ type: 'lease', reading });
    },
    onSettings(given) {
      if (state.stoppingSinceMs !== undefined) return;
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
      tellSpeaker();
      speaker.configure(given.speaker);
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
      void save('always');
    },
  };
}

const endings: Record<string, string> = {
  withdrawn: 'every established peer was told that the prefixes are withdrawn: ending the sessions',
  deadline:
    'the peers could not be told in time that the prefixes are withdrawn: ending the sessions, which withdraws too',
  'second signal': 'a second signal: exiting at once',
};
