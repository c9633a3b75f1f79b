/** What LB pods' owners read with `kubectl describe pod`: why one gets no route, or who else claims its prefix. */
import type { KubernetesClient } from '../common/kubernetes/client.ts';
import { createEventRecorder, type EventRecorder } from '../common/kubernetes/events.ts';
import type { Logger } from '../common/log.ts';
import type { Note, PodRef } from './core/types.ts';

export interface PodEvents {
  /** undefined: there is no API, and nothing is recorded */
  use(client: KubernetesClient | undefined): void;
  record(notes: readonly Note[]): void;
}

export function createPodEvents(nodeName: string, log: Logger): PodEvents {
  let recorder: EventRecorder | undefined;
  return {
    use(client) {
      recorder =
        client &&
        createEventRecorder({
          client,
          component: 'portable-lb/node-router',
          instance: nodeName,
          onFailure(problem) {
            if (problem === undefined) log.info('events', {}, 'Events are written again');
            else log.warn('events', { code: problem.code }, problem.message);
          },
        });
    },
    record(notes) {
      for (const { pod, reason, note } of composeEvents(notes, nodeName)) {
        const regarding = { apiVersion: 'v1', kind: 'Pod', ...pod };
        recorder?.record(regarding, { type: 'Warning', reason, note });
      }
    },
  };
}

export interface PodEvent {
  readonly pod: PodRef;
  readonly reason: string;
  readonly note: string;
}

/** One Event a pod and code, however much of a kind is wrong with it: a pod must not fill the cluster's Events. */
export function composeEvents(notes: readonly Note[], nodeName: string): PodEvent[] {
  const told = notes.flatMap((note) => (note.pods ?? []).map((pod) => ({ ...note, pod })));
  const grouped = Map.groupBy(told, ({ pod, code }) => `${pod.namespace}/${pod.name} ${pod.uid} ${code}`);
  return [...grouped.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const more = others.length === 0 ? '' : ` (and ${others.length} more of the kind)`;
    const note = `node ${nodeName}: ${first.message}${more}`;
    return [{ pod: first.pod, reason: reasonOfCode(first.code), note }];
  });
}

/** PREFIX_REFUSED → PrefixRefused */
function reasonOfCode(code: string): string {
  return code.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
