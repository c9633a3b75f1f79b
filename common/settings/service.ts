import type { z } from 'zod';
import { agreeing, fields, matching } from '../schema.ts';
import { dnsLabel } from './shapes.ts';

const selectors = ['name', 'loadBalancerClass', 'ingressClassName'] as const;

/** As the API server checks it: a label's key (validation.ValidateQualifiedName). */
const className = matching(
  /^(?=.{1,316}$)([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
  'a load balancer class, such as portable-lb.io/web',
);
const ingressClass = matching(
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
  'the name of an IngressClass, such as ipvs',
);

/** Which Service is served: by its name, or the one that a class picks. */
export const service = fields({
  name: dnsLabel('the name of the Service').optional(),
  namespace: dnsLabel('the namespace of the Service').default('default'),
  /** the one Service of type LoadBalancer of the namespace that has this class */
  loadBalancerClass: className.optional(),
  /** the one Service that the namespace's Ingresses of this class name as a backend of their rules */
  ingressClassName: ingressClass.optional(),
}).check(
  agreeing((value, refuse) => {
    if (typeof value !== 'object' || value === null) return;
    const given = selectors.filter((field) => (value as Record<string, unknown>)[field] != null);
    const accepted = 'exactly one of name, loadBalancerClass and ingressClassName';
    if (given.length === 0) refuse(['name'], `is missing; accepted: ${accepted}`);
    for (const field of given.slice(1)) refuse([field], `is there beside ${given[0]}; accepted: ${accepted}`);
  }),
);

export type ServiceSelection = z.output<typeof service>;

/** `Service default/web`, `Service of loadBalancerClass portable-lb.io/web in namespace default` */
export function describeSelection({
  namespace,
  name,
  loadBalancerClass,
  ingressClassName,
}: ServiceSelection): string {
  if (name !== undefined) return `Service ${namespace}/${name}`;
  if (loadBalancerClass !== undefined)
    return `Service of loadBalancerClass ${loadBalancerClass} in namespace ${namespace}`;
  return `Service of the Ingresses of class ${ingressClassName} in namespace ${namespace}`;
}
