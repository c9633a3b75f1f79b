/** What the supervisor itself says of keepalived. */
import type { Logger } from '../../common/log.ts';
import type { DaemonExit } from './daemon.ts';
import type { ReloadOutcome } from './reloads.ts';

export function tellOutcome(log: Logger, what: 'start' | 'reload', outcome: ReloadOutcome): ReloadOutcome {
  if (outcome.kind === 'loaded') {
    log.debug(
      'keepalived-loaded',
      { tookMs: outcome.tookMs },
      `${what}: keepalived's rules are in the kernel`,
    );
    return outcome;
  }
  const why =
    outcome.kind === 'refused'
      ? 'keepalived kept its old configuration'
      : `no word of it after ${Math.round(outcome.tookMs)} ms`;
  log.warn(
    `keepalived-${outcome.kind}`,
    {},
    `${what}: ${why}; the kernel keeps its rules, see keepalived's own lines above`,
  );
  return outcome;
}

/** `restartInMs` undefined: it was to stop. */
export function tellExit(log: Logger, exit: DaemonExit, restartInMs: number | undefined): void {
  const { code, signal, lastWords } = exit;
  const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
  if (restartInMs === undefined) {
    log.info('keepalived-stopped', { code, signal }, `keepalived ${how}; the kernel keeps its rules`);
    return;
  }
  log.error(
    'keepalived-died',
    { code, signal, restartInMs },
    `keepalived ${how} (last words: ${lastWords || 'none'}); the kernel keeps its rules, keepalived is started again in ${restartInMs} ms`,
  );
}
