/** The objects of one collection as the API server last told them. */
import { show } from '../schema.ts';
import { bodyOf, describePath } from './answers.ts';
import type { KubernetesClient } from './client.ts';
import { problems } from './errors.ts';

/** What the client's types of objects have in common. */
export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata?: {
    name?: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    managedFields?: unknown;
  };
}

export interface ObjectEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface ObjectTable<T> {
  readonly resourceVersion: string;
  /** by namespace and name */
  objects(): T[];
  /** true: what objects() gives has changed */
  apply(event: ObjectEvent<T>): boolean;
  holdsSame(other: ObjectTable<T>): boolean;
}

/** Throws a Problem when the body is no list. */
export function readList<T extends KubernetesObject>(body: unknown, path: string): ObjectTable<T> {
  const list = body as {
    apiVersion?: string;
    kind?: string;
    metadata?: { resourceVersion?: string };
    items?: T[];
  };
  const version = list?.metadata?.resourceVersion;
  const items = list?.items ?? [];
  if (typeof version !== 'string' || !list.kind?.endsWith('List') || !Array.isArray(items)) {
    const { resource, where } = describePath(path);
    throw problems.KUBERNETES_ANSWER('list', resource, where, `it is ${show(body)}, not a list`);
  }
  // the items of a list do not repeat what they are
  const inherited = { apiVersion: list.apiVersion ?? '', kind: list.kind.slice(0, -'List'.length) };
  return createTable(
    version,
    items.map((item) => ({ ...inherited, ...item })),
  );
}

function createTable<T extends KubernetesObject>(version: string, items: readonly T[]): ObjectTable<T> {
  const held = new Map(items.map((item) => [keyOf(item), lean(item)]));
  let resourceVersion = version;
  return {
    get resourceVersion() {
      return resourceVersion;
    },
    objects: () => [...held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
    apply({ type, object }) {
      resourceVersion = object.metadata?.resourceVersion ?? resourceVersion;
      if (type === 'BOOKMARK') return false;
      const key = keyOf(object);
      if (type === 'DELETED') return held.delete(key);
      const same = versionOf(held.get(key)) === versionOf(object);
      held.set(key, lean(object));
      return !same;
    },
    holdsSame: (other) => {
      const others = other.objects();
      return (
        others.length === held.size &&
        others.every((object) => versionOf(held.get(keyOf(object))) === versionOf(object))
      );
    },
  };
}

/** Throws what an ERROR event says; 410 Gone is `expired`, and only means that a list is due. */
export function readEvent<T extends KubernetesObject>(
  value: unknown,
  client: KubernetesClient,
  path: string,
): ObjectEvent<T> | 'expired' {
  const { type, object } = (value ?? {}) as { type?: string; object?: T & { code?: number } };
  if (type === 'ERROR') {
    const status = object?.code ?? 500;
    if (status === 410) return 'expired';
    bodyOf({ status, headers: {}, body: object }, client, 'watch', path);
  }
  if (
    (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK') &&
    object?.metadata
  )
    return { type, object };
  const { resource, where } = describePath(path);
  throw problems.KUBERNETES_ANSWER('watch', resource, where, `an event is ${show(value)}`);
}

function keyOf({ metadata }: KubernetesObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

/** An object that was deleted and made again has another uid, and after a restore of etcd perhaps an old version. */
function versionOf(object: KubernetesObject | undefined): string | undefined {
  return object && `${object.metadata?.uid} ${object.metadata?.resourceVersion}`;
}

/** Who manages which field is half of an object's text, and nobody here asks. */
function lean<T extends KubernetesObject>(object: T): T {
  delete object.metadata?.managedFields;
  return object;
}
