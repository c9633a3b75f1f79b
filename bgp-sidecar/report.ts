/** What the log says of the settings, of what is announced and of the end. */
import type { Logger } from '../common/log.ts';
import type { Settings } from '../common/settings.ts';
import type { Ending, Tell } from './announcer.ts';
import type { SidecarSettings } from './settings-source.ts';
import { namePeer } from './speaker.ts';

export function reportTell(log: Logger, { phase, reason, prefixes }: Tell): void {
  const level = phase === 'last-resort' ? 'warn' : 'info';
  const what = Object.entries(prefixes).map(([prefix, kind]) => `${prefix} ${kind}`);
  log[level]('announce', { phase, prefixes }, `${what.join(', ') || 'no prefix'}: ${reason}`);
}

/** Settings that stay the same come again when an address or a password of a peer has changed. */
export function reportSettings(log: Logger, before: Settings | undefined, given: SidecarSettings): void {
  const { settings, speaker } = given;
  if (settings.bgp === undefined || speaker === undefined) {
    log.info('settings', {}, 'the settings have no bgp: nothing is announced');
    return;
  }
  const peers = speaker.peers.map(({ address, host }) => namePeer(address, host)).join(', ');
  if (settings === before)
    log.info('peers', {}, `an address or a password of the peers changed; peers ${peers}`);
  else log.info('settings', {}, `settings: AS ${settings.bgp.localAS}, peers ${peers}`);
}

export function reportEnding(log: Logger, why: Ending): void {
  log[why === 'withdrawn' ? 'info' : 'warn']('stop', { why }, endings[why]);
}

const endings: Record<Ending, string> = {
  withdrawn: 'every established peer was told that the prefixes are withdrawn: ending the sessions',
  deadline:
    'the peers could not be told in time that the prefixes are withdrawn: ending the sessions, which withdraws too',
  'second signal': 'a second signal: exiting at once',
};
