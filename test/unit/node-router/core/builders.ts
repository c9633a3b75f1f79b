import type { V1Pod } from '@kubernetes/client-node';
import { type Prefix, parsePrefix } from '../../../../common/cidr.ts';
import { prefixesAnnotation, type Scope, serviceLabel } from '../../../../node-router/core/pods.ts';
import type { LbPod } from '../../../../node-router/core/types.ts';

export function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') throw new Error(`${text} ${prefix}`);
  return prefix;
}

export const scope: Scope = {
  nodeName: 'node-1',
  nodeAddress: '192.0.2.11',
  allowedPrefixes: [prefixOf('203.0.113.0/24'), prefixOf('198.51.100.0/28')],
  allowedNamespaces: undefined,
};

export interface PodFacts {
  name?: string;
  namespace?: string;
  service?: string;
  prefixes?: string;
  nodeName?: string | undefined;
  podIP?: string;
  ready?: boolean;
  phase?: string;
  terminating?: boolean;
  created?: string;
  hostNetwork?: boolean;
  uid?: string;
}

/** A manifest as a file holds it: times are text. */
export function podOf(facts: PodFacts = {}): V1Pod {
  const { name = 'web-a', namespace = 'default', prefixes = '203.0.113.0/28', ready = true } = facts;
  return {
    metadata: {
      name,
      namespace,
      ...(facts.uid === undefined ? {} : { uid: facts.uid }),
      annotations: { [prefixesAnnotation]: prefixes },
      ...(facts.service === undefined ? {} : { labels: { [serviceLabel]: facts.service } }),
      ...(facts.created === undefined ? {} : { creationTimestamp: facts.created as unknown as Date }),
      ...(facts.terminating ? { deletionTimestamp: '2026-11-21T10:00:00Z' as unknown as Date } : {}),
    },
    spec: {
      containers: [],
      ...('nodeName' in facts
        ? facts.nodeName === undefined
          ? {}
          : { nodeName: facts.nodeName }
        : { nodeName: 'node-1' }),
      ...(facts.hostNetwork ? { hostNetwork: true } : {}),
    },
    status: {
      phase: facts.phase ?? 'Running',
      podIP: facts.podIP ?? '10.42.1.2',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

export function lbPod(facts: Partial<Omit<LbPod, 'prefixes'>> & { prefixes?: string[] } = {}): LbPod {
  const { prefixes = ['203.0.113.0/28'], ...rest } = facts;
  const address = facts.address ?? '10.42.1.2';
  return {
    ref: { namespace: 'default', name: `pod-${address}` },
    owner: 'default/web',
    address,
    state: 'ready',
    createdAtMs: 0,
    ...rest,
    prefixes: prefixes.map(prefixOf),
  };
}
