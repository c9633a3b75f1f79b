/** What an LB pod writes to the cluster beside its work: the Service's status, and Events. Its work waits for neither. */
import type { KubernetesClient } from '../../common/kubernetes/client.ts';
import { createEventRecorder, type EventRecorder } from '../../common/kubernetes/events.ts';
import type { Logger } from '../../common/log.ts';
import { reasonOf } from '../../common/problem.ts';
import type { Settings } from '../../common/settings.ts';
import type { SpeakerState } from '../../common/speaker-state.ts';
import type { ReconcilerState } from '../reconcile.ts';
import { createServiceEvents } from './service-events.ts';
import { createStatusKeeper } from './status-keeper.ts';

export interface ClusterDutiesParts {
  readonly podName: string;
  readonly open: () => Promise<KubernetesClient>;
  readonly speakerState: () => Promise<SpeakerState | undefined>;
  readonly log: Logger;
  readonly nowMs: () => number;
}

export interface ClusterDuties {
  /** After each turn. */
  tend(turn: {
    settings: Settings | undefined;
    state: ReconcilerState;
    ready: boolean;
    stopping: boolean;
  }): Promise<void>;
  /** Gives what is still to be written a moment. */
  close(): Promise<void>;
}

const closeMs = 1_500;
/** Why a prefix may be withdrawn although the lease says yes. */
const ofSidecar =
  'the rules are right, but its bgp-sidecar was started again, or has no session; see the log of bgp-sidecar';

export function createClusterDuties({
  podName,
  open,
  speakerState,
  log,
  nowMs,
}: ClusterDutiesParts): ClusterDuties {
  let recorder: EventRecorder | undefined;
  const statusKeeper = createStatusKeeper({ open, log, nowMs });
  const record: EventRecorder['record'] = (regarding, event) => recorder?.record(regarding, event);
  const events = createServiceEvents(podName, record);

  const openRecorder = async () => {
    const client = await open();
    return createEventRecorder({
      client,
      component: 'portable-lb/controller',
      instance: podName,
      onFailure(problem) {
        if (problem) log.warn('event', { code: problem.code }, `Events are not written: ${problem.message}`);
      },
    });
  };

  return {
    async tend({ settings, state, ready, stopping }) {
      if (settings?.endpoints.source !== 'kubernetes') return;
      try {
        recorder ??= await openRecorder();
      } catch (problem) {
        // the endpoint source has told it, and tries again
        log.debug('event', {}, reasonOf(problem));
        return;
      }
      const { snapshot, lease, notes, refused, absence } = state;
      const service = snapshot?.service;
      const prefixes = settings.bgp === undefined ? undefined : (await speakerState())?.prefixes;
      const reason = lease?.announce === true ? ofSidecar : (lease?.reason ?? '');
      events.tell({ service, prefixes, reason, stopping, refused, notes });
      const serves = ready && !stopping && lease?.announce === true && absence === undefined;
      if (service !== undefined && serves) statusKeeper.tend(service, settings.vip);
    },
    async close() {
      await Promise.all([recorder?.close(closeMs), Promise.race([statusKeeper.idle(), late(closeMs)])]);
    },
  };
}

function late(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
