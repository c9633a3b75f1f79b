/** Kubernetes' OpenAPI (version 2) as one strict JSON schema for each kind: what kubeconform asks for. */

type Schema = Record<string, unknown>;

interface OpenApi {
  definitions: Record<string, Schema>;
}

const refPrefix = '#/definitions/';

/** Schemas by the names that kubeconform has for them: `deployment-apps-v1`, `service-v1`. */
export function schemasByKind({ definitions }: OpenApi): Map<string, Schema> {
  const strict = Object.fromEntries(Object.entries(definitions).map(([name, each]) => [name, tighten(each)]));
  const schemas = new Map<string, Schema>();
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition['x-kubernetes-group-version-kind'] ?? []) as Record<string, string>[];
    // Several: an object that is in every API group, such as DeleteOptions. Nobody writes one into a file.
    const [kind, ...others] = kinds;
    if (kind === undefined || others.length > 0) continue;
    const needed = closure(name, strict);
    schemas.set(schemaName(kind as { group: string; version: string; kind: string }), {
      $ref: `${refPrefix}${name}`,
      definitions: Object.fromEntries(needed.map((each) => [each, strict[each]])),
    });
  }
  return schemas;
}

function schemaName({ group, version, kind }: { group: string; version: string; kind: string }): string {
  const short = group.split('.')[0];
  return [kind.toLowerCase(), ...(short ? [short] : []), version].join('-');
}

/** Fields that are not known are refused; what Kubernetes takes as number or text is taken as both. */
function tighten(schema: Schema): Schema {
  if (schema.format === 'int-or-string') return { type: ['string', 'integer'] };
  const tight: Schema = { ...schema };
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties')
      tight[key] = Object.fromEntries(
        Object.entries(value as Record<string, Schema>).map(([name, each]) => [name, tighten(each)]),
      );
    else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object'))
      tight[key] = tighten(value as Schema);
  }
  // Go's own formats, which say nothing to a schema
  delete tight.format;
  if (schema.properties !== undefined) tight.additionalProperties ??= false;
  return tight;
}

/** A definition and all that it refers to. */
function closure(name: string, definitions: Record<string, Schema>): string[] {
  const found = new Set<string>();
  const waiting = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const [, ref = ''] of JSON.stringify(definitions[next]).matchAll(
      /"\$ref":"#\/definitions\/([^"]+)"/g,
    ))
      waiting.push(ref);
  }
  return [...found];
}
