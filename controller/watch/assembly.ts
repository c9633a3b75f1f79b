/**
 * Puts the Service and its EndpointSlices, which arrive by two watches, together to snapshots that are consistent.
 *
 * Two watches have no common order, and whoever makes a Service or its slices again does so piece by piece. So a
 * change that looks like that is not believed before it has come to rest: slices that vanish, a Service with another
 * uid, no slices at all. The last of these is asked for anew before anybody's servers are taken away. Where only some
 * slices vanish, what the others say passes at once, and those are taken to be there still.
 */
import type { V1Endpoint, V1EndpointSlice, V1Service } from '@kubernetes/client-node';

export interface Assembled {
  /** undefined: there is none */
  readonly service: V1Service | undefined;
  readonly slices: V1EndpointSlice[];
}

export interface AssemblyOptions {
  readonly give: (assembled: Assembled) => void;
  /** Asks for both lists anew. */
  readonly refresh: () => void;
  /** When the older of the newest two lists was asked for. */
  readonly listedAtMs: () => number | undefined;
  readonly nowMs: () => number;
  readonly timing?: Partial<AssemblyTiming>;
}

export interface AssemblyTiming {
  /** what arrives together is given together */
  readonly burstMs: number;
  /** slices that are being made again have come to rest when none changed for so long */
  readonly quietMs: number;
  readonly longestMs: number;
}

export interface Assembly {
  offerService(service: V1Service | undefined): void;
  offerSlices(slices: readonly V1EndpointSlice[]): void;
  stop(): void;
}

const usual: AssemblyTiming = { burstMs: 5, quietMs: 500, longestMs: 5_000 };
const lookAgainMs = 50;

export function createAssembly(options: AssemblyOptions): Assembly {
  const { give, refresh, listedAtMs, nowMs } = options;
  const timing = { ...usual, ...options.timing };
  let service: { value: V1Service | undefined } | undefined;
  let slices: readonly V1EndpointSlice[] | undefined;
  /** what was given last with a Service */
  let given: { uid: string | undefined; slices: readonly V1EndpointSlice[] } | undefined;
  let doubt: { sinceMs: number; changedAtMs: number; askedAtMs?: number } | undefined;
  let timer: NodeJS.Timeout | undefined;

  function lookIn(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  }

  function changed(): void {
    if (doubt !== undefined) doubt.changedAtMs = nowMs();
    lookIn(timing.burstMs);
  }

  function look(): void {
    if (service === undefined || slices === undefined) return;
    if (service.value === undefined) {
      doubt = undefined;
      give({ service: undefined, slices: [] });
      return;
    }
    const uid = service.value.metadata?.uid;
    const own = slices.filter((slice) => isOf(slice, uid));
    if (isDoubtful(uid, own)) doubt ??= { sinceMs: nowMs(), changedAtMs: nowMs() };
    const restMs = doubt === undefined ? 0 : whenSettled(own);
    if (restMs > 0) lookIn(restMs);
    else doubt = undefined;
    const believed = doubt === undefined ? own : inDoubt(uid, own);
    if (believed === undefined) return;
    given = { uid, slices: believed };
    give({ service: service.value, slices: [...believed] });
  }

  /** undefined: as before */
  function inDoubt(uid: string | undefined, own: V1EndpointSlice[]): V1EndpointSlice[] | undefined {
    if (given === undefined || given.uid !== uid || own.length === 0) return undefined;
    return [...own, ...vanished(given.slices, own)];
  }

  function isDoubtful(uid: string | undefined, own: readonly V1EndpointSlice[]): boolean {
    if (given === undefined) return own.length === 0;
    const names = new Set(own.map(nameOf));
    return given.uid !== uid || given.slices.some((slice) => !names.has(nameOf(slice)));
  }

  /** Milliseconds after which to look again; 0: what is there is to be believed. */
  function whenSettled(own: readonly V1EndpointSlice[]): number {
    if (doubt === undefined) return 0;
    const latestMs = doubt.sinceMs + timing.longestMs;
    if (own.length > 0) return Math.max(Math.min(doubt.changedAtMs + timing.quietMs, latestMs) - nowMs(), 0);
    if (nowMs() < latestMs) return latestMs - nowMs();
    if (doubt.askedAtMs === undefined) {
      doubt.askedAtMs = nowMs();
      refresh();
    }
    return (listedAtMs() ?? -Infinity) >= doubt.askedAtMs ? 0 : lookAgainMs;
  }

  return {
    offerService(value) {
      service = { value };
      changed();
    },
    offerSlices(value) {
      slices = value;
      changed();
    },
    stop: () => clearTimeout(timer),
  };
}

/** Slices of a Service of the same name that was deleted go soon; slices that somebody else makes name no Service. */
function isOf({ metadata }: V1EndpointSlice, uid: string | undefined): boolean {
  const owner = metadata?.ownerReferences?.find(({ kind }) => kind === 'Service');
  return owner === undefined || uid === undefined || owner.uid === uid;
}

/** Those that are there no more; of their endpoints, those that other slices have not taken over at every port. */
function vanished(before: readonly V1EndpointSlice[], own: readonly V1EndpointSlice[]): V1EndpointSlice[] {
  const names = new Set(own.map(nameOf));
  const places = new Set(
    own.flatMap((slice) => (slice.endpoints ?? []).flatMap((endpoint) => placesOf(slice, endpoint))),
  );
  return before
    .filter((slice) => !names.has(nameOf(slice)))
    .map((slice) => ({
      ...slice,
      endpoints: (slice.endpoints ?? []).filter((endpoint) =>
        placesOf(slice, endpoint).some((place) => !places.has(place)),
      ),
    }));
}

/** By the port's name, since its number may differ by pod. */
function placesOf({ ports }: V1EndpointSlice, { addresses }: V1Endpoint): string[] {
  return addresses.flatMap((address) =>
    (ports ?? []).map(({ name = '', protocol = 'TCP' }) => `${address} ${protocol} ${name}`),
  );
}

function nameOf({ metadata }: V1EndpointSlice): string {
  return metadata?.name ?? '';
}
