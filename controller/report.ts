/** What a person reads with `kubectl logs`: one line a reload, and everything else told once. */
import type { Logger } from '../common/log.ts';
import type { Change, KernelDifference, VirtualService } from './core/types.ts';

export interface StepDurations {
  readonly renderMs: number;
  readonly testMs: number;
  readonly writeMs: number;
  readonly kernelMs: number;
  readonly rulesMs: number;
  readonly totalMs: number;
}

const namesShown = 5;

/** `10.42.1.7:8080 10.42.2.9:8080 … (12 in all)` */
function list(names: readonly string[], between = ' '): string {
  const shown = names.slice(0, namesShown).join(between);
  return names.length > namesShown ? `${shown} … (${names.length} in all)` : shown;
}

export function describePort(change: Change): string {
  const parts = [
    change.port === 'added' ? 'new port' : change.port === 'removed' ? 'port gone' : '',
    change.added.length > 0 ? `added ${list(change.added)}` : '',
    change.removed.length > 0 ? `removed ${list(change.removed)}` : '',
    change.drained.length > 0 ? `drained ${list(change.drained)}` : '',
    change.reweighted.length > 0 ? `reweighted ${list(change.reweighted)}` : '',
    change.undrained.length > 0 ? `undrained ${list(change.undrained)}` : '',
  ].filter((part) => part !== '');
  const draining = change.drainingNow > 0 ? ` and ${change.drainingNow} draining` : '';
  return `${change.key}: ${parts.join(', ') || 'settings changed'}; now ${change.serversNow} ${change.serversNow === 1 ? 'server' : 'servers'}${draining}`;
}

export function reportReload(log: Logger, service: string, changes: readonly Change[], took: StepDurations) {
  const fields = {
    service,
    changes: changes.map(({ key, port, added, removed, drained, undrained, serversNow, drainingNow }) => ({
      key,
      port,
      added: added.length,
      removed: removed.length,
      drained: drained.length,
      undrained: undrained.length,
      serversNow,
      drainingNow,
    })),
    ...Object.fromEntries(Object.entries(took).map(([step, ms]) => [step, Math.round(ms * 10) / 10])),
  };
  const what = changes.length > 0 ? changes.map(describePort).join('; ') : 'configuration changed';
  log.info('reload', fields, `${service} ${what} (${Math.round(took.totalMs)} ms)`);
}

export function reportRepair(log: Logger, service: string, repaired: readonly KernelDifference[]) {
  if (repaired.length === 0) return;
  const why = list(
    repaired.map((difference) => difference.why),
    '; ',
  );
  log.warn(
    'drift',
    { service, repaired: repaired.length },
    `${service} IPVS was not as wanted, repaired: ${why}`,
  );
}

/** `before` and `now`: 'mark address:port'; told with the port of the Service, since nobody knows marks by heart. */
export function reportChecks(
  log: Logger,
  service: string,
  {
    before,
    now,
    ports,
  }: { before: ReadonlySet<string>; now: ReadonlySet<string>; ports: readonly VirtualService[] },
) {
  const keys = new Map(ports.map(({ mark, key }) => [String(mark), key]));
  const nameOf = (server: string) => {
    const [mark = '', place = ''] = server.split(' ');
    return `${keys.get(mark) ?? `FWM ${mark}`} ${place}`;
  };
  const out = [...now].filter((server) => !before.has(server)).map(nameOf);
  const back = [...before].filter((server) => !now.has(server)).map(nameOf);
  if (out.length > 0)
    log.warn('check', { service, out }, `${service} health check failed, taken out: ${list(out, ', ')}`);
  if (back.length > 0)
    log.info('check', { service, back }, `${service} health check passes again: ${list(back, ', ')}`);
}

/**
 * Those of these servers ('mark address:port') that are wanted and checked. keepalived says DOWN of a server that
 * merely leaves its configuration too; no check has failed there, and none passes again.
 */
export function activeOf(
  virtualServices: readonly VirtualService[],
  servers: ReadonlySet<string>,
): ReadonlySet<string> {
  const active = new Set<string>();
  if (servers.size === 0) return active;
  for (const { mark, realServers } of virtualServices)
    for (const { address, port, state } of realServers) {
      const name = `${mark} ${address}:${port}`;
      if (state === 'active' && servers.has(name)) active.add(name);
    }
  return active;
}

/** Tells each text once for as long as it stays true: what is not told again in a round may be told anew. */
export function createTeller(tell: (text: string) => void): (texts: readonly string[]) => void {
  let told = new Set<string>();
  return (texts) => {
    for (const text of new Set(texts)) if (!told.has(text)) tell(text);
    told = new Set(texts);
  };
}

export function countServers(virtualServices: readonly VirtualService[], checkedOut: ReadonlySet<string>) {
  let wanted = 0;
  let live = 0;
  for (const { mark, realServers } of virtualServices)
    for (const { address, port, weight } of realServers) {
      wanted += 1;
      const isOut = checkedOut.size > 0 && checkedOut.has(`${mark} ${address}:${port}`);
      if (weight > 0 && !isOut) live += 1;
    }
  return { wanted, live };
}
