/** Which Service a class picks, and what else it would pick: one release serves one Service. */
import type { V1Ingress, V1Service } from '@kubernetes/client-node';
import { describeSelection, type ServiceSelection } from '../../common/settings.ts';
import type { Note } from '../core/types.ts';

export interface Choice {
  readonly name?: string;
  /** why there is none */
  readonly absence?: string;
  /** of candidates that are passed over */
  readonly notes: readonly Note[];
}

/** Whatever the class picks. */
export function candidateNames(
  objects: readonly (V1Service | V1Ingress)[],
  selection: ServiceSelection,
): string[] {
  const names = objects.flatMap((object) => candidatesOf(object, selection)).map(({ name }) => name);
  return [...new Set(names)];
}

interface Candidate {
  readonly name: string;
  /** who asks for it */
  readonly by: V1Service | V1Ingress;
}

/**
 * `served`: the Service that this LB pod has served already, which no other one replaces: marks and flows are its own.
 * Else the oldest, so that every LB pod picks the same one.
 */
export function chooseService(
  objects: readonly (V1Service | V1Ingress)[],
  selection: ServiceSelection,
  served: string | undefined,
): Choice {
  const candidates = [...objects].sort(byAge).flatMap((object) => candidatesOf(object, selection));
  const chosen = served ?? candidates[0]?.name;
  const notes = candidates
    .filter(
      ({ name }, index) => name !== chosen && candidates.findIndex((each) => each.name === name) === index,
    )
    .map((candidate) => refuse(candidate, chosen, selection));
  if (candidates.some(({ name }) => name === chosen)) return { ...(chosen ? { name: chosen } : {}), notes };
  const what = describeSelection(selection).replace(/^Service /, '');
  return {
    absence: served === undefined ? `there is no Service ${what}` : `it is no longer the Service ${what}`,
    notes,
  };
}

function candidatesOf(object: V1Service | V1Ingress, selection: ServiceSelection): Candidate[] {
  const { namespace, loadBalancerClass, ingressClassName } = selection;
  if ((object.metadata?.namespace ?? 'default') !== namespace) return [];
  if (ingressClassName !== undefined) return backendsOf(object as V1Ingress, ingressClassName);
  const { spec, metadata } = object as V1Service;
  const picked = spec?.type === 'LoadBalancer' && spec.loadBalancerClass === loadBalancerClass;
  return picked && metadata?.name ? [{ name: metadata.name, by: object }] : [];
}

/** As in the thesis: the backends of rules; a default backend is not looked at. */
function backendsOf(ingress: V1Ingress, className: string): Candidate[] {
  if (ingress.spec?.ingressClassName !== className) return [];
  const paths = (ingress.spec.rules ?? []).flatMap(({ http }) => http?.paths ?? []);
  return paths.flatMap(({ backend }) =>
    backend.service ? [{ name: backend.service.name, by: ingress }] : [],
  );
}

function refuse({ name, by }: Candidate, chosen: string | undefined, selection: ServiceSelection): Note {
  const { namespace, loadBalancerClass, ingressClassName } = selection;
  const ingress = ingressClassName !== undefined;
  const how = ingress
    ? `is a backend of Ingress ${by.metadata?.name} of class ${ingressClassName}`
    : `has loadBalancerClass ${loadBalancerClass}`;
  return {
    code: 'SERVICE_REFUSED',
    message: `Service ${namespace}/${name} ${how} too, and is refused: this LB serves ${namespace}/${chosen}; give it a class and a release of its own`,
    event: {
      apiVersion: ingress ? 'networking.k8s.io/v1' : 'v1',
      kind: ingress ? 'Ingress' : 'Service',
      namespace,
      name: by.metadata?.name ?? '',
      uid: by.metadata?.uid,
    },
  };
}

function byAge(a: V1Service | V1Ingress, b: V1Service | V1Ingress): number {
  const key = ({ metadata }: V1Service | V1Ingress) =>
    `${metadata?.creationTimestamp ?? ''} ${metadata?.name ?? ''}`;
  return key(a) < key(b) ? -1 : 1;
}
