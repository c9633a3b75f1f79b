import { z } from 'zod';
import { familyOf, parsePrefix } from '../cidr.ts';
import { expects, matching, show } from '../schema.ts';

/** RFC 1123 label: what Kubernetes lets names be */
export function dnsLabel(what: string): z.ZodString {
  return matching(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    `${what}: 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends`,
  );
}

export const absolutePath = matching(/^\/[^\0\n\r]*$/, 'an absolute path');

export const ipv4Address = z
  .string(expects('an IPv4 address'))
  .refine((text) => familyOf(text) === 4, expects('an IPv4 address'));

export const prefix = z
  .string(expects('an IPv4 prefix, such as 203.0.113.0/28'))
  .superRefine((text, context) => {
    const parsed = parsePrefix(text);
    const fault =
      typeof parsed === 'string'
        ? parsed
        : parsed.family === 6
          ? 'is IPv6, which is not served yet; accepted: IPv4'
          : undefined;
    if (fault !== undefined) context.addIssue({ code: 'custom', message: `${show(text)} ${fault}` });
  });
