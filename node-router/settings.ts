/** What the settings file of the node router may say. */
import * as z from 'zod';
import { type Prefix, parsePrefix } from '../common/cidr.ts';
import type { Problem } from '../common/problem.ts';
import { describeIssues, expects, fields, integer, matching, oneOf } from '../common/schema.ts';
import { absolutePath, dnsLabel, prefixes } from '../common/settings/shapes.ts';
import { parseDocuments } from '../common/yaml-text.ts';
import { problems } from './errors.ts';

const schema = fields({
  /** LB pods may ask for these prefixes and parts of them, for nothing else */
  allowedPrefixes: prefixes.transform((texts) =>
    texts.map(parsePrefix).filter((each): each is Prefix => typeof each !== 'string'),
  ),
  /** LB pods of these namespaces only; of all when left out */
  allowedNamespaces: z
    .array(dnsLabel('a namespace'), expects('a list of namespaces'))
    .min(1, expects('at least one namespace, or leave it out for all'))
    .optional(),
  /** how long packets are dropped after the last LB pod of a prefix is gone: the BGP hold time */
  blackholeSeconds: integer(0, 3_600).default(9),
  pods: fields({
    /** kubernetes: the LB pods that the API server knows on NODE_NAME */
    source: oneOf(['kubernetes', 'files']).default('files'),
    /** with source files */
    files: fields({ directory: absolutePath.default('/etc/portable-lb/pods') }).prefault({}),
  }).prefault({}),
  /** the interface to the LB pods; left out, the kernel finds it by the pod's address */
  interface: matching(/^[^\s/]{1,15}$/, 'the name of an interface').optional(),
  setMultipathHashPolicy: oneOf(['check', 'set']).default('check'),
  health: fields({ port: integer(1, 65_535, 'a port').default(9442) }).prefault({}),
});

export type NodeRouterSettings = z.output<typeof schema>;

export type SettingsResult =
  | { settings: NodeRouterSettings; problems?: undefined }
  | { settings?: undefined; problems: Problem[] };

/** All problems of the file at once: each names the file, the field, what is wrong and what is accepted. */
export function parseSettings(text: string, fileName: string): SettingsResult {
  const parsed = parseDocuments(text, fileName);
  if (parsed.problems.length > 0) return { problems: parsed.problems };
  if (parsed.documents.length > 1) return { problems: [problems.SETTINGS_TWICE(fileName)] };
  const checked = schema.safeParse(parsed.documents[0]?.value ?? {});
  return checked.success
    ? { settings: checked.data }
    : { problems: describeIssues(checked.error.issues, fileName) };
}
