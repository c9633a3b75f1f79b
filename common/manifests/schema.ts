import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import { expects, matching, textOf } from '../schema.ts';

/** What is used of the manifests, and must be right; all else in them is let through unseen. */
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const subdomain = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const labelWords = '1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends';
const subdomainWords = `names of lower-case letters, digits and hyphens with dots between, at most 253 in all`;

const texts = z
  .record(z.string(), z.string(expects('text, in quotes')), expects('names and texts'))
  .nullish();
const objects = expects('an object');

function metadata(name: RegExp, words: string) {
  return z.looseObject(
    {
      name: matching(name, words),
      namespace: matching(label, labelWords).default('default'),
      labels: texts,
      annotations: texts,
    },
    objects,
  );
}

const portWords = expects('a port from 1 to 65535');
const portNumber = z.int(portWords).min(1, portWords).max(65_535, portWords);
const portName = matching(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/, labelWords);
const protocol = z.enum(['TCP', 'UDP', 'SCTP'], expects('TCP, UDP or SCTP')).default('TCP');
const flag = z.boolean(expects('true or false')).nullish();

function list<T extends z.ZodType>(item: T, words: string) {
  return z.preprocess((value) => value ?? [], z.array(item, expects(words)));
}

const service = z.looseObject({
  metadata: metadata(label, labelWords),
  spec: z.looseObject(
    {
      ports: list(
        z.looseObject({ name: portName.optional(), protocol, port: portNumber }, objects),
        'a list of ports',
      ).superRefine(refuseTwice),
    },
    objects,
  ),
});

function refuseTwice(
  ports: { name?: string | undefined; protocol: string; port: number }[],
  context: z.RefinementCtx,
) {
  const seen = new Set<string>();
  for (const [index, { name, protocol, port }] of ports.entries()) {
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [index, field], message });
    if (ports.length > 1 && !name)
      refuse('name', 'is missing; accepted: a name for each port where there are several');
    if (name && seen.has(name))
      refuse('name', `is "${name}" a second time; accepted: a name of its own for each port`);
    if (seen.has(`${port}/${protocol}`))
      refuse('port', `is ${port}/${protocol} a second time; accepted: each once`);
    seen.add(name ?? '').add(`${port}/${protocol}`);
  }
}

function slice(address: z.ZodType<string>) {
  const endpoint = z.looseObject(
    {
      addresses: z.array(address, expects('a list of addresses')).min(1, expects('at least one address')),
      conditions: z.looseObject({ ready: flag, serving: flag, terminating: flag }, objects).nullish(),
    },
    objects,
  );
  const port = z.looseObject({ name: portName.nullish(), protocol, port: portNumber.nullish() }, objects);
  return z.looseObject({
    metadata: metadata(subdomain, subdomainWords),
    addressType: z.enum(['IPv4', 'IPv6', 'FQDN'], expects('IPv4, IPv6 or FQDN')),
    endpoints: list(endpoint, 'a list of endpoints'),
    ports: list(port, 'a list of ports'),
  });
}

const slices = {
  IPv4: slice(z.string(expects('an IPv4 address')).refine(isIPv4, expects('an IPv4 address'))),
  IPv6: slice(z.string(expects('an IPv6 address')).refine(isIPv6, expects('an IPv6 address'))),
  FQDN: slice(matching(subdomain, subdomainWords)),
};

const pod = z.looseObject({
  metadata: metadata(subdomain, subdomainWords),
  status: z
    .looseObject(
      {
        podIP: z
          .string(expects('an IP address'))
          .refine((text) => text === '' || isIPv4(text) || isIPv6(text), expects('an IP address'))
          .optional(),
        conditions: z
          .array(
            z.looseObject(
              { type: z.string(expects('text')), status: z.string(expects('"True", "False" or "Unknown"')) },
              objects,
            ),
            expects('a list of conditions'),
          )
          .nullish(),
      },
      objects,
    )
    .nullish(),
});

/** Which Services an IngressClass picks: the backends of the rules. */
const ingress = z.looseObject({
  metadata: metadata(subdomain, subdomainWords),
  spec: z
    .looseObject(
      {
        ingressClassName: z.string(expects('text')).nullish(),
        rules: list(
          z.looseObject({
            http: z.looseObject({ paths: list(path(), 'a list of paths') }, objects).nullish(),
          }),
          'a list of rules',
        ),
      },
      objects,
    )
    .nullish(),
});

function path() {
  const backendService = z.looseObject({ name: matching(label, labelWords) }, objects);
  return z.looseObject({ backend: z.looseObject({ service: backendService.nullish() }, objects) }, objects);
}

/** The kinds that are used, with the one apiVersion of each that is known. */
export const kinds: Record<string, { apiVersion: string; schemaOf(value: object): z.ZodType }> = {
  Service: { apiVersion: 'v1', schemaOf: () => service },
  Pod: { apiVersion: 'v1', schemaOf: () => pod },
  Ingress: { apiVersion: 'networking.k8s.io/v1', schemaOf: () => ingress },
  EndpointSlice: {
    apiVersion: 'discovery.k8s.io/v1',
    schemaOf(value) {
      const addressType = textOf((value as { addressType?: unknown }).addressType);
      return Object.hasOwn(slices, addressType) ? slices[addressType as keyof typeof slices] : slices.IPv4;
    },
  },
};
