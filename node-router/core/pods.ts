/**
 * Pod manifests → the LB pods that routes may lead to. Whatever a pod asks for and does not get becomes a note;
 * its other prefixes are not touched by that.
 */
import type { V1Pod } from '@kubernetes/client-node';
import { contains, familyOf, type Prefix, parsePrefix } from '../../common/cidr.ts';
import { describePod, type LbPod, type Note, type PodRef, type PodState } from './types.ts';

export const prefixesAnnotation = 'portable-lb/vip-prefixes';
export const serviceLabel = 'portable-lb/service';
/** Of a Service that is not in the LB pod's own namespace. */
export const serviceNamespaceAnnotation = 'portable-lb/service-namespace';
/** Annotations may hold 256 KiB, whoever writes them: neither the node's routes nor its log are theirs to fill. */
const mostPrefixes = 64;
const longestShown = 60;

/** What this node takes, and from whom. */
export interface Scope {
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly allowedPrefixes: readonly Prefix[];
  /** undefined: LB pods of every namespace */
  readonly allowedNamespaces: readonly string[] | undefined;
}

export function readPods(pods: readonly V1Pod[], scope: Scope): { pods: LbPod[]; notes: Note[] } {
  const notes: Note[] = [];
  const found = pods.flatMap((pod) => readPod(pod, scope, notes) ?? []);
  return { pods: found, notes };
}

function readPod(pod: V1Pod, scope: Scope, notes: Note[]): LbPod | undefined {
  const asked = pod.metadata?.annotations?.[prefixesAnnotation];
  if (asked === undefined || !isOfNode(pod, scope.nodeName) || isOver(pod)) return undefined;
  const ref = refOf(pod);
  const { namespace } = ref;
  const note = (code: string, what: string) => {
    notes.push({ code, message: `pod ${describePod(ref)}: ${what}`, pods: [ref] });
    return undefined;
  };
  if (scope.allowedNamespaces !== undefined && !scope.allowedNamespaces.includes(namespace)) {
    return note(
      'NAMESPACE_REFUSED',
      `gets no route, namespace ${namespace} is not among allowedNamespaces (${scope.allowedNamespaces.join(', ')})`,
    );
  }
  const address = addressOf(pod);
  if (address === undefined) return undefined;
  if (familyOf(address) !== 4) {
    return note('ADDRESS_REFUSED', `its address "${address}" is not IPv4; it gets no route`);
  }
  if (address === scope.nodeAddress || pod.spec?.hostNetwork === true) {
    return note(
      'ADDRESS_REFUSED',
      `runs in the node's own network (${address}), so no route can lead to it; run LB pods without hostNetwork`,
    );
  }
  const prefixes = takePrefixes(asked, address, scope, (what) => note('PREFIX_REFUSED', what));
  if (prefixes.length === 0) return undefined;
  const owner = [namespace, ...ownerOf(pod)].join('/');
  return { ref, owner, address, state: stateOf(pod), createdAtMs: createdAtMs(pod), prefixes };
}

function refOf({ metadata }: V1Pod): PodRef {
  const { namespace = 'default', name = '?', uid } = metadata ?? {};
  return { namespace, name, ...(uid === undefined ? {} : { uid }) };
}

function takePrefixes(
  asked: string,
  podAddress: string,
  scope: Scope,
  refuse: (what: string) => void,
): Prefix[] {
  const taken = new Map<string, Prefix>();
  const texts = asked
    .split(',')
    .map((item) => item.trim())
    .filter((text) => text !== '');
  if (texts.length > mostPrefixes)
    refuse(
      `has ${texts.length} prefixes in annotation ${prefixesAnnotation}, the first ${mostPrefixes} are looked at; combine them into wider ones`,
    );
  for (const text of texts.slice(0, mostPrefixes)) {
    const prefix = parsePrefix(text);
    const fault = typeof prefix === 'string' ? prefix : faultOf(prefix, podAddress, scope);
    if (fault !== undefined)
      refuse(`prefix "${shown(text)}" of annotation ${prefixesAnnotation} ${fault}; refused`);
    else if (typeof prefix !== 'string') taken.set(prefix.text, prefix);
  }
  return [...taken.values()];
}

function shown(text: string): string {
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

function faultOf(prefix: Prefix, podAddress: string, scope: Scope): string | undefined {
  if (prefix.family === 6) return 'is IPv6, which is not routed yet';
  const allowed = scope.allowedPrefixes.some(
    (each) => prefix.length >= each.length && contains(each, prefix.address),
  );
  if (!allowed)
    return `is not inside allowedPrefixes (${scope.allowedPrefixes.map((p) => p.text).join(', ')})`;
  if (contains(prefix, scope.nodeAddress)) return `contains the node's own address ${scope.nodeAddress}`;
  // its route would be via an address inside of itself
  if (contains(prefix, podAddress)) return `contains the pod's own address ${podAddress}`;
  return undefined;
}

/** A manifest without nodeName comes from a directory that belongs to this node. */
function isOfNode(pod: V1Pod, nodeName: string): boolean {
  return pod.spec?.nodeName === undefined || pod.spec.nodeName === nodeName;
}

/** Its containers have ended for good, and its address may be another pod's by now. */
function isOver(pod: V1Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
}

function addressOf(pod: V1Pod): string | undefined {
  const all = [pod.status?.podIP, ...(pod.status?.podIPs ?? []).map((each) => each.ip)];
  const known = all.filter((address): address is string => typeof address === 'string' && address !== '');
  return known.find((address) => familyOf(address) === 4) ?? known[0];
}

/** Terminating counts before readiness: a pod that leaves is ready for a while yet, and passed over at once. */
function stateOf(pod: V1Pod): PodState {
  if (pod.metadata?.deletionTimestamp !== undefined && pod.metadata.deletionTimestamp !== null)
    return 'terminating';
  const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  return ready?.status === 'True' ? 'ready' : 'starting';
}

/**
 * LB pods that do not say whose they are count as one service of their namespace. That stands before it in any case:
 * what a pod says of itself makes it nobody's in another namespace.
 */
function ownerOf({ metadata }: V1Pod): string[] {
  const service = metadata?.labels?.[serviceLabel] ?? metadata?.annotations?.[serviceLabel];
  const elsewhere = metadata?.annotations?.[serviceNamespaceAnnotation];
  return [...(elsewhere === undefined ? [] : [elsewhere]), service ?? '(no service label)'];
}

function createdAtMs(pod: V1Pod): number {
  const created = pod.metadata?.creationTimestamp;
  const ms = created === undefined ? Number.NaN : new Date(created).getTime();
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
}
