/** The newest snapshot that has the Service. A Service that is not there any more takes nothing with it. */
import type { Logger } from '../common/log.ts';
import { createReminder } from '../common/reminder.ts';
import type { Snapshot } from './core/types.ts';

const remindEveryMs = 60_000;

export interface ServiceWatch {
  offer(snapshot: Snapshot): void;
  /** Of this Service: settings that name another one may be in force before that one is seen. */
  snapshot(of: { name: string; namespace: string }): Snapshot | undefined;
  /** Tells at once and every minute while the Service is missing. */
  remind(service: string): void;
}

export function createServiceWatch(log: Logger, nowMs: () => number): ServiceWatch {
  let kept: Snapshot | undefined;
  let gone = false;
  const tell = createReminder((text) => log.warn('service', {}, text), remindEveryMs, nowMs);
  return {
    offer(snapshot) {
      gone = snapshot.service === undefined;
      if (!gone) kept = snapshot;
    },
    snapshot({ name, namespace }) {
      const metadata = kept?.service?.metadata;
      return metadata?.name === name && (metadata.namespace ?? 'default') === namespace ? kept : undefined;
    },
    remind: (service) => tell(gone ? describeAbsence(service, kept !== undefined) : undefined),
  };
}

function describeAbsence(service: string, served: boolean): string {
  return served
    ? `Service ${service} is gone from the endpoint source: the last rules stay until a Service of that name is seen again; uninstall this LB if it was deleted for good`
    : `Service ${service} does not exist yet: nothing is announced until it does; create it, or mend service.name and service.namespace`;
}
