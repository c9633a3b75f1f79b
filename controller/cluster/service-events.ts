/** What becomes an Event beside the Service: transitions, each once a pod. Reloads are in the log alone. */
import type { V1Service } from '@kubernetes/client-node';
import type { EventRecorder, EventText, ObjectRef } from '../../common/kubernetes/events.ts';
import type { PrefixState } from '../../common/speaker-state.ts';
import type { Note } from '../core/types.ts';

export interface ServiceFacts {
  readonly service: V1Service | undefined;
  /** what the bgp-sidecar says; undefined: nothing (yet) */
  readonly prefixes: Readonly<Record<string, PrefixState>> | undefined;
  /** why the lease says what it says */
  readonly reason: string;
  readonly stopping: boolean;
  readonly refused: readonly string[];
  readonly notes: readonly Note[];
}

export interface ServiceEvents {
  tell(facts: ServiceFacts): void;
}

export function createServiceEvents(podName: string, record: EventRecorder['record']): ServiceEvents {
  let prefixes: Readonly<Record<string, PrefixState>> = {};
  let refused: ReadonlySet<string> = new Set();
  let noted: ReadonlySet<string> = new Set();
  return {
    tell(facts) {
      const regarding = facts.service && refOf(facts.service);
      if (regarding === undefined) return;
      if (facts.prefixes !== undefined) {
        for (const event of describeMoves(podName, prefixes, facts.prefixes, facts)) record(regarding, event);
        prefixes = facts.prefixes;
      }
      for (const event of describeRefusals(podName, refused, facts.refused)) record(regarding, event);
      refused = new Set(facts.refused);
      const told = facts.notes.filter(({ event }) => event !== undefined);
      for (const { event, message } of told)
        if (event !== undefined && !noted.has(message))
          record(event === 'service' ? regarding : event, {
            type: 'Warning',
            reason: 'Refused',
            note: message,
          });
      noted = new Set(told.map(({ message }) => message));
    },
  };
}

function refOf({ metadata }: V1Service): ObjectRef {
  const { name = '', namespace = 'default', uid } = metadata ?? {};
  return { apiVersion: 'v1', kind: 'Service', namespace, name, uid };
}

type States = Readonly<Record<string, PrefixState>>;

function describeMoves(
  pod: string,
  before: States,
  now: States,
  { reason, stopping }: Pick<ServiceFacts, 'reason' | 'stopping'>,
): EventText[] {
  const moved = (from: readonly (PrefixState | undefined)[], to: PrefixState) =>
    [...new Set([...Object.keys(before), ...Object.keys(now)])]
      .sort()
      .filter((prefix) => from.includes(before[prefix]) && (now[prefix] ?? 'withdrawn') === to)
      .join(', ');
  const announced = moved([undefined, 'withdrawn'], 'announced');
  const recovered = moved(['last-resort'], 'announced');
  const lastResort = moved([undefined, 'withdrawn', 'announced'], 'last-resort');
  const withdrawn = moved(['announced', 'last-resort'], 'withdrawn');
  const events: (EventText | false)[] = [
    announced !== '' && {
      type: 'Normal',
      reason: 'Announced',
      note: `LB pod ${pod} announces ${announced}`,
    },
    recovered !== '' && {
      type: 'Normal',
      reason: 'Recovered',
      note: `LB pod ${pod} tends its rules again and announces ${recovered} like any other`,
    },
    lastResort !== '' && {
      type: 'Warning',
      reason: 'LastResort',
      note: `LB pod ${pod} announces ${lastResort} as a last resort only: its lease lapsed, nobody tends the rules; see the log of its controller`,
    },
    withdrawn !== '' && {
      type: stopping ? 'Normal' : 'Warning',
      reason: 'Withdrawn',
      note: `LB pod ${pod} has withdrawn ${withdrawn}: ${stopping ? 'the pod is stopping' : reason}`,
    },
  ];
  return events.filter((event) => event !== false);
}

function describeRefusals(pod: string, before: ReadonlySet<string>, now: readonly string[]): EventText[] {
  const anew = now.filter((message) => !before.has(message));
  if (now.length === 0 && before.size > 0)
    return [
      {
        type: 'Normal',
        reason: 'Recovered',
        note: `LB pod ${pod} has taken up what it refused before`,
      },
    ];
  return anew.map((message) => ({
    type: 'Warning',
    reason: 'Refused',
    note: `LB pod ${pod}: ${message}`,
  }));
}
