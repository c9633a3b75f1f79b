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

const remedies: readonly [RegExp, string][] = [
  [/initialize ipvs/, 'load the module ip_vs on the node, or give the container NET_ADMIN'],
  [/already running/, 'another keepalived uses the same run directory: one controller to a directory'],
];

/** `fault`: why, in keepalived's own words, if it said so. `restartInMs` undefined: it was to stop. */
export function tellExit(
  log: Logger,
  { code, signal, failure }: DaemonExit,
  { fault, restartInMs }: { fault: string; restartInMs: number | undefined },
): void {
  const how =
    failure ?? (signal ? `keepalived was killed by ${signal}` : `keepalived exited with code ${code}`);
  if (restartInMs === undefined) {
    log.info('keepalived-stopped', { code, signal }, `${how}; the kernel keeps its rules`);
    return;
  }
  const why = fault && `: ${fault}`;
  const remedy = remedies.find(([words]) => words.test(fault))?.[1];
  log.error(
    'keepalived-died',
    { code, signal, restartInMs },
    `${how}${why}${remedy ? ` (${remedy})` : ''}; the kernel keeps its rules, keepalived is started again in ${restartInMs} ms`,
  );
}
