/**
 * Endpoints from the Kubernetes API: one Service and its EndpointSlices, and where a class picks the Service, what it
 * picks from. Selectors keep everything else of the cluster away from each LB pod.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Ingress, V1Service } from '@kubernetes/client-node';
import { monotonicMs } from '../../common/clock.ts';
import type { KubernetesClient } from '../../common/kubernetes/client.ts';
import { type Followed, followCollection, type Timing } from '../../common/kubernetes/list-watch.ts';
import type { Problem } from '../../common/problem.ts';
import { describeSelection, type ServiceSelection } from '../../common/settings.ts';
import type { Snapshot } from '../core/types.ts';
import type { AssemblyTiming } from './assembly.ts';
import { createFailing } from './failing.ts';
import { type Choice, chooseService } from './service-choice.ts';
import { type Follow, followServiceEndpoints, oldest, type ServiceEndpoints } from './service-endpoints.ts';
import type { EndpointSource } from './source.ts';

export interface KubernetesSourceOptions {
  readonly selection: ServiceSelection;
  readonly open: () => Promise<KubernetesClient>;
  readonly nowMs?: () => number;
  readonly timing?: Partial<Timing>;
  readonly assembly?: Partial<AssemblyTiming>;
}

const reopenMs = 2_000;
const groups = {
  services: '/api/v1',
  endpointslices: '/apis/discovery.k8s.io/v1',
  ingresses: '/apis/networking.k8s.io/v1',
};

export function createKubernetesSource(options: KubernetesSourceOptions): EndpointSource {
  const { selection, open, timing, nowMs = monotonicMs } = options;
  const stopping = new AbortController();
  /** what a class picks from */
  let candidates: Followed | undefined;
  let choice: Choice = { notes: [] };
  let endpoints: ServiceEndpoints | undefined;
  let following: string | undefined;
  /** the Service that was given once: it stays the one */
  let served: string | undefined;

  const confirmedAtMs = () =>
    oldest(
      [...(candidates ? [candidates] : []), ...(endpoints?.followed ?? [])].map((each) => each.confirmedAtMs),
    );

  function snapshot({ name, absence, notes }: Choice): Snapshot {
    const { service, slices = [] } = (name === undefined ? undefined : endpoints?.assembled) ?? {};
    return {
      ...(service ? { service } : {}),
      slices: [...slices],
      takenAtMs: confirmedAtMs() ?? nowMs(),
      selectedBy: describeSelection(selection),
      ...(absence === undefined ? {} : { absence }),
      notes: [...notes],
    };
  }

  const begin: EndpointSource['start'] = async (onSnapshot, onFailure, onRecovery = () => undefined) => {
    const failing = createFailing(onFailure, onRecovery);
    const client = await openUntilStopped(open, stopping.signal, (problem) => failing('access', problem));
    if (client === undefined) return;

    const follow: Follow = (resource, query, onObjects) => {
      const subject = `${resource} ${JSON.stringify(query)}`;
      const followed = followCollection({
        client,
        path: `${groups[resource]}/namespaces/${selection.namespace}/${resource}`,
        query,
        onObjects,
        onFailure: (problem) => failing(subject, problem),
        nowMs,
        ...(timing ? { timing } : {}),
      });
      return {
        get confirmedAtMs() {
          return followed.confirmedAtMs;
        },
        get listedAtMs() {
          return followed.listedAtMs;
        },
        refresh: () => followed.refresh(),
        async stop() {
          await followed.stop();
          // what failed of a Service that is not the one any more is no failure of the one that is
          if (!stopping.signal.aborted) failing(subject, undefined);
        },
      };
    };

    const give = () => {
      if (choice.name !== undefined && endpoints?.assembled === undefined) return;
      const given = snapshot(choice);
      if (given.service !== undefined) served ??= choice.name;
      onSnapshot(given);
    };

    const choose = (next: Choice) => {
      choice = next;
      const { name } = next;
      if (name === undefined || name === following) return give();
      // another one than before only as long as none was there
      void endpoints?.stop();
      following = name;
      endpoints = followServiceEndpoints({ name, follow, give, nowMs, timing: options.assembly });
    };

    const byChoice = (objects: readonly (V1Service | V1Ingress)[]) =>
      choose(chooseService(objects, selection, served));
    if (selection.name !== undefined) choose({ name: selection.name, notes: [] });
    else if (selection.ingressClassName !== undefined)
      candidates = follow<V1Ingress>('ingresses', {}, byChoice);
    else candidates = follow<V1Service>('services', { fieldSelector: 'spec.type=LoadBalancer' }, byChoice);
  };

  let begun: Promise<void> = Promise.resolve();
  return {
    /** Resolves at once: an API server that is away must not hold up what comes next. */
    async start(...handlers) {
      begun = begin(...handlers).catch((problem: Problem) => handlers[1](problem));
    },
    get confirmedAtMs() {
      return endpoints?.assembled === undefined ? undefined : confirmedAtMs();
    },
    async stop() {
      stopping.abort();
      await begun;
      await Promise.all([candidates?.stop(), endpoints?.stop()]);
    },
  };
}

async function openUntilStopped(
  open: () => Promise<KubernetesClient>,
  stopping: AbortSignal,
  tell: (problem: Problem | undefined) => void,
): Promise<KubernetesClient | undefined> {
  while (!stopping.aborted) {
    try {
      const client = await open();
      tell(undefined);
      return stopping.aborted ? undefined : client;
    } catch (problem) {
      tell(problem as Problem);
      await sleep(reopenMs, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
  return undefined;
}
