/**
 * Endpoints from the Kubernetes API: one Service and its EndpointSlices, and where a class picks the Service, what it
 * picks from. Selectors keep everything else of the cluster away from each LB pod.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1EndpointSlice, V1Ingress, V1Service } from '@kubernetes/client-node';
import { monotonicMs } from '../../common/clock.ts';
import type { KubernetesClient } from '../../common/kubernetes/client.ts';
import { type Followed, followCollection, type Timing } from '../../common/kubernetes/list-watch.ts';
import type { Problem } from '../../common/problem.ts';
import { describeSelection, type ServiceSelection } from '../../common/settings.ts';
import { type Assembled, type Assembly, type AssemblyTiming, createAssembly } from './assembly.ts';
import { createFailing } from './failing.ts';
import { type Choice, chooseService } from './service-choice.ts';
import type { EndpointSource } from './source.ts';

export interface KubernetesSourceOptions {
  readonly selection: ServiceSelection;
  readonly open: () => Promise<KubernetesClient>;
  readonly nowMs?: () => number;
  readonly timing?: Partial<Timing>;
  readonly assembly?: Partial<AssemblyTiming>;
}

const reopenMs = 2_000;

export function createKubernetesSource(options: KubernetesSourceOptions): EndpointSource {
  const { selection, nowMs = monotonicMs } = options;
  const { namespace } = selection;
  const stopping = new AbortController();
  const followed: Followed[] = [];
  let choice: Choice = { notes: [] };
  let following: string | undefined;
  let assembly: Assembly | undefined;
  /** the Service that was given once: it stays the one */
  let served: string | undefined;
  let assembled: Assembled | undefined;

  const confirmedAtMs = () => oldest(followed.map((each) => each.confirmedAtMs));

  const start: EndpointSource['start'] = async (onSnapshot, onFailure, onRecovery = () => undefined) => {
    const failing = createFailing(onFailure, onRecovery);
    const client = await openUntilStopped((problem) => failing('access', problem));
    if (client === undefined) return;

    function follow<T extends object>(
      resource: string,
      query: Record<string, string>,
      onObjects: (objects: readonly T[]) => void,
    ): Followed {
      const group = groups[resource] ?? '/api/v1';
      const one = followCollection<T>({
        client: client as KubernetesClient,
        path: `${group}/namespaces/${namespace}/${resource}`,
        query,
        onObjects,
        onFailure: (problem) => failing(`${resource} ${JSON.stringify(query)}`, problem),
        nowMs,
        ...(options.timing ? { timing: options.timing } : {}),
      });
      followed.push(one);
      return one;
    }

    function give(): void {
      const { name, absence, notes } = choice;
      const service = name === undefined ? undefined : assembled?.service;
      if (service === undefined && name !== undefined && assembled === undefined) return;
      served ??= service && name;
      onSnapshot({
        ...(service ? { service } : {}),
        slices: service ? (assembled?.slices ?? []) : [],
        takenAtMs: confirmedAtMs() ?? nowMs(),
        selectedBy: describeSelection(selection),
        ...(absence === undefined ? {} : { absence }),
        notes: [...notes],
      });
    }

    function choose(next: Choice): void {
      choice = next;
      if (next.name !== undefined && next.name !== following) followService(next.name);
      else give();
    }

    /** Another one than before only as long as none was there. */
    function followService(name: string): void {
      following = name;
      assembly?.stop();
      assembled = undefined;
      for (const one of followed.splice(selection.name === undefined ? 1 : 0)) void one.stop();
      const services = follow<V1Service>('services', { fieldSelector: `metadata.name=${name}` }, (objects) =>
        assembly?.offerService(objects[0]),
      );
      const slices = follow<V1EndpointSlice>(
        'endpointslices',
        { labelSelector: `${serviceNameLabel}=${name}` },
        (objects) => assembly?.offerSlices(objects),
      );
      assembly = createAssembly({
        give(next) {
          assembled = next;
          give();
        },
        refresh() {
          services.refresh();
          slices.refresh();
        },
        listedAtMs: () => oldest([services.listedAtMs, slices.listedAtMs]),
        nowMs,
        ...(options.assembly ? { timing: options.assembly } : {}),
      });
    }

    const byChoice = (objects: readonly (V1Service | V1Ingress)[]) =>
      choose(chooseService(objects, selection, served));
    if (selection.name !== undefined) choose({ name: selection.name, notes: [] });
    else if (selection.ingressClassName !== undefined) follow<V1Ingress>('ingresses', {}, byChoice);
    else follow<V1Service>('services', { fieldSelector: 'spec.type=LoadBalancer' }, byChoice);
  };

  async function openUntilStopped(
    tell: (problem: Problem | undefined) => void,
  ): Promise<KubernetesClient | undefined> {
    while (!stopping.signal.aborted) {
      try {
        const client = await options.open();
        tell(undefined);
        return stopping.signal.aborted ? undefined : client;
      } catch (problem) {
        tell(problem as Problem);
        await sleep(reopenMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  let started: Promise<void> = Promise.resolve();
  return {
    /** Resolves at once: an API server that is away must not hold up what comes next. */
    async start(...handlers) {
      started = start(...handlers);
      started.catch(() => undefined);
    },
    get confirmedAtMs() {
      return assembled === undefined ? undefined : confirmedAtMs();
    },
    async stop() {
      stopping.abort();
      await started.catch(() => undefined);
      assembly?.stop();
      await Promise.all(followed.map((one) => one.stop()));
    },
  };
}

const serviceNameLabel = 'kubernetes.io/service-name';
const groups: Record<string, string> = {
  endpointslices: '/apis/discovery.k8s.io/v1',
  ingresses: '/apis/networking.k8s.io/v1',
};

function oldest(times: readonly (number | undefined)[]): number | undefined {
  let oldestMs: number | undefined;
  for (const time of times) {
    if (time === undefined) return undefined;
    oldestMs = Math.min(oldestMs ?? time, time);
  }
  return oldestMs;
}
