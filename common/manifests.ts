import type { V1EndpointSlice, V1Ingress, V1ObjectMeta, V1Pod, V1Service } from '@kubernetes/client-node';
import { problems } from './errors.ts';
import { kinds } from './manifests/schema.ts';
import type { Problem } from './problem.ts';
import { fieldPath, show } from './schema.ts';
import { parseDocuments } from './yaml-text.ts';

type Named<T, Kind extends string> = Omit<T, 'metadata'> & {
  apiVersion: string;
  kind: Kind;
  metadata: V1ObjectMeta & { name: string; namespace: string };
};
export type ServiceManifest = Named<V1Service, 'Service'>;
export type EndpointSliceManifest = Named<V1EndpointSlice, 'EndpointSlice'>;
export type IngressManifest = Named<V1Ingress, 'Ingress'>;
export type PodManifest = Named<V1Pod, 'Pod'>;
/**
 * What the programs use: the API client's types of manifests, checked, with kind, apiVersion, name and namespace
 * there, protocols filled in (TCP) and missing lists empty. Times are texts as in the file, not Dates.
 */
export type Manifest = ServiceManifest | EndpointSliceManifest | PodManifest | IngressManifest;

export interface ParsedManifests {
  objects: Manifest[];
  problems: Problem[];
}

/**
 * The objects of one file: YAML or JSON, many documents, lists too. Kinds that are not used are left out. All
 * problems at once, each with document, object and field; whoever keeps running refuses the file when there is one.
 */
export function parseManifests(text: string, fileName: string): ParsedManifests {
  const parsed = parseDocuments(text, fileName);
  const found = [...parsed.problems];
  const objects: Manifest[] = [];
  const seen = new Set<string>();
  for (const { number, value } of parsed.documents) {
    for (const item of itemsOf(value)) {
      const faults = check(item);
      const where = `document ${number}${describe(item)}`;
      if (faults === undefined) continue;
      if (Array.isArray(faults))
        found.push(...faults.map((fault) => problems.OBJECT(fileName, where, fault)));
      else if (seen.has(describeManifest(faults)))
        found.push(problems.OBJECT(fileName, where, 'is in this file twice; remove one'));
      else {
        seen.add(describeManifest(faults));
        objects.push(faults);
      }
    }
  }
  return { objects, problems: found };
}

/** `EndpointSlice default/web-x7k2p` */
export function describeManifest({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

interface Item {
  apiVersion?: unknown;
  kind?: unknown;
  items?: unknown;
  metadata?: { name?: unknown; namespace?: unknown } | null;
}

/** `kind: List` of kubectl, and EndpointSliceList of the API, whose items do not repeat their kind. */
function itemsOf(value: unknown): unknown[] {
  const { kind, apiVersion, items } = (value ?? {}) as Item;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return [value];
  const inherited = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) };
  return items.map((item: unknown) => (isObject(item) ? { ...inherited, ...item } : item));
}

/** The object as it is used, or what is wrong with it; undefined: of a kind that is not used. */
function check(item: unknown): Manifest | string[] | undefined {
  if (!isObject(item)) return [`is ${show(item)}; accepted: a Kubernetes object`];
  const { apiVersion, kind } = item as Item;
  if (typeof kind !== 'string')
    return ['kind: is missing; accepted: a Kubernetes object, such as kind: Service'];
  const known = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (known === undefined) return undefined;
  const faults =
    apiVersion === known.apiVersion
      ? []
      : [
          `apiVersion: ${apiVersion === undefined ? 'is missing' : `is ${show(apiVersion)}`}; accepted: ${known.apiVersion}`,
        ];
  const checked = known.schemaOf(item).safeParse(item);
  if (!checked.success)
    faults.push(...checked.error.issues.map((issue) => `${fieldPath(issue.path)}: ${issue.message}`));
  return faults.length > 0 || !checked.success ? faults : (checked.data as Manifest);
}

function describe(item: unknown): string {
  const { kind, metadata } = (item ?? {}) as Item;
  if (typeof kind !== 'string') return '';
  const name = metadata?.name;
  return typeof name === 'string'
    ? ` ${kind} ${metadata?.namespace ?? 'default'}/${name}`
    : ` ${kind} without a name`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
