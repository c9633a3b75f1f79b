/** The newest snapshot that has the Service. A Service that is not there any more takes nothing with it. */
import type { Logger } from '../common/log.ts';
import { createReminder } from '../common/reminder.ts';
import { describeSelection, type ServiceSelection } from '../common/settings.ts';
import type { Snapshot } from './core/types.ts';
import { isSelected } from './selection.ts';

const remindEveryMs = 60_000;

export interface ServiceWatch {
  offer(snapshot: Snapshot): void;
  /** Of what is selected now: settings that select another one may be in force before that one is seen. */
  snapshot(of: ServiceSelection): Snapshot | undefined;
  /** `default/web`; before a Service of the class was seen what is looked for. */
  nameOf(selection: ServiceSelection): string;
  /** Why there is no Service now; undefined while there is, or before the source has spoken. */
  absence(of: ServiceSelection): string | undefined;
  /** Tells at once and every minute while the Service is missing. */
  remind(of: ServiceSelection): void;
}

export function createServiceWatch(log: Logger, nowMs: () => number): ServiceWatch {
  let kept: Snapshot | undefined;
  let newest: Snapshot | undefined;
  const tell = createReminder((text) => log.warn('service', {}, text), remindEveryMs, nowMs);

  const snapshot = (of: ServiceSelection) => (kept && isSelected(of, kept) ? kept : undefined);

  const nameOf = (of: ServiceSelection) => {
    const name = of.name ?? snapshot(of)?.service?.metadata?.name;
    return name === undefined ? describeSelection(of) : `${of.namespace}/${name}`;
  };

  const absence = (of: ServiceSelection) => {
    if (newest === undefined || newest.service !== undefined) return undefined;
    const why = newest.absence === undefined ? '' : ` (${newest.absence})`;
    return snapshot(of) === undefined
      ? `Service ${nameOf(of).replace(/^Service /, '')} does not exist yet${why}: nothing is announced until it does; create it, or mend service of the settings`
      : `Service ${nameOf(of)} is gone from the endpoint source${why}: the last rules stay until it is seen again; uninstall this LB if it was deleted for good`;
  };

  return {
    offer(offered) {
      newest = offered;
      if (offered.service !== undefined) kept = offered;
    },
    snapshot,
    nameOf,
    absence,
    remind: (of) => tell(absence(of)),
  };
}
