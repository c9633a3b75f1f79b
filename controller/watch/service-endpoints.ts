/** One Service and its EndpointSlices, by two watches, put together. */
import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import type { Followed } from '../../common/kubernetes/list-watch.ts';
import { type Assembled, type AssemblyTiming, createAssembly } from './assembly.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

export type Follow = <T extends object>(
  resource: 'services' | 'endpointslices' | 'ingresses',
  query: Record<string, string>,
  onObjects: (objects: readonly T[]) => void,
) => Followed;

export interface ServiceEndpoints {
  /** what was given last */
  readonly assembled: Assembled | undefined;
  readonly followed: readonly Followed[];
  stop(): Promise<void>;
}

export interface ServiceEndpointsOptions {
  readonly name: string;
  readonly follow: Follow;
  readonly give: () => void;
  readonly nowMs: () => number;
  readonly timing?: Partial<AssemblyTiming> | undefined;
}

export function followServiceEndpoints(options: ServiceEndpointsOptions): ServiceEndpoints {
  const { name, follow, give, nowMs, timing } = options;
  let assembled: Assembled | undefined;
  const assembly = createAssembly({
    give(next) {
      assembled = next;
      give();
    },
    refresh() {
      for (const one of followed) one.refresh();
    },
    listedAtMs: () => oldest(followed.map(({ listedAtMs }) => listedAtMs)),
    nowMs,
    ...(timing ? { timing } : {}),
  });
  const followed = [
    follow<V1Service>('services', { fieldSelector: `metadata.name=${name}` }, ([service]) =>
      assembly.offerService(service),
    ),
    follow<V1EndpointSlice>('endpointslices', { labelSelector: `${serviceNameLabel}=${name}` }, (slices) =>
      assembly.offerSlices(slices),
    ),
  ];
  return {
    get assembled() {
      return assembled;
    },
    followed,
    async stop() {
      assembly.stop();
      await Promise.all(followed.map((one) => one.stop()));
    },
  };
}

/** undefined: one of them has none. */
export function oldest(times: readonly (number | undefined)[]): number | undefined {
  let oldestMs: number | undefined;
  for (const time of times) {
    if (time === undefined) return undefined;
    oldestMs = Math.min(oldestMs ?? time, time);
  }
  return oldestMs;
}
