import type { V1EndpointSlice, V1ObjectMeta, V1Pod, V1Service } from '@kubernetes/client-node';
import type { Problem } from './problem.ts';
import { parseDocuments } from './yaml-text.ts';

type Named<T, Kind extends string> = Omit<T, 'metadata'> & {
  apiVersion: string;
  kind: Kind;
  metadata: V1ObjectMeta & { name: string; namespace: string };
};
export type ServiceManifest = Named<V1Service, 'Service'>;
export type EndpointSliceManifest = Named<V1EndpointSlice, 'EndpointSlice'>;
export type PodManifest = Named<V1Pod, 'Pod'>;
/** What the programs use; the type of the API client's manifests with name, namespace and kind filled in. */
export type Manifest = ServiceManifest | EndpointSliceManifest | PodManifest;

/** The objects of one file (YAML or JSON, many documents, `kind: List`); kinds that are not used are left out. */
export function parseManifests(text: string, fileName: string): { objects: Manifest[]; problems: Problem[] } {
  const parsed = parseDocuments(text, fileName);
  const objects = parsed.documents.map((document) => document.value as Manifest);
  return { objects, problems: parsed.problems };
}
