import { expect } from 'chai';
import { readPods } from '../../../node-router/core/pods.ts';
import { computeWanted } from '../../../node-router/core/wanted.ts';
import { composeEvents } from '../../../node-router/pod-events.ts';
import { podOf, scope } from './core/builders.ts';

describe('node router: Events on LB pods', () => {
  it('is one a pod and kind of fault, however many prefixes a pod asks for', () => {
    const many = Array.from({ length: 60 }, (_, n) => `10.96.${n}.0/24`).join(',');
    const pods = [
      podOf({ name: 'evil', uid: 'u1', prefixes: `0.0.0.0/0,${many}` }),
      podOf({ name: 'host', uid: 'u2', hostNetwork: true }),
    ];
    const events = composeEvents(readPods(pods, scope).notes, 'node-1');
    expect(events.map(({ pod, reason }) => [pod, reason])).to.deep.equal([
      [{ namespace: 'default', name: 'evil', uid: 'u1' }, 'PrefixRefused'],
      [{ namespace: 'default', name: 'host', uid: 'u2' }, 'AddressRefused'],
    ]);
    expect(events[0]?.note).to.include('node node-1: pod default/evil: prefix "0.0.0.0/0"');
    expect(events[0]?.note).to.include('and 60 more of the kind');
  });

  it('tells a namespace that is not allowed, and both services that claim a prefix', () => {
    const refused = readPods([podOf({ namespace: 'guest' })], { ...scope, allowedNamespaces: ['default'] });
    expect(composeEvents(refused.notes, 'node-1')[0]).to.include({ reason: 'NamespaceRefused' });
    const { pods } = readPods(
      [
        podOf({ name: 'web-a', service: 'web', podIP: '10.42.1.2', created: '2026-11-21T09:00:00Z' }),
        podOf({ name: 'api-a', service: 'api', podIP: '10.42.1.3', created: '2026-11-21T10:00:00Z' }),
      ],
      scope,
    );
    const events = composeEvents(computeWanted(pods, new Map()).notes, 'node-1');
    expect(events.map(({ pod, reason }) => `${pod.name} ${reason}`)).to.deep.equal([
      'api-a PrefixConflict',
      'web-a PrefixConflict',
    ]);
  });

  it('has nothing about faults that are of no pod', () => {
    expect(composeEvents([{ code: 'KERNEL_SILENT', message: 'rtnetlink' }], 'node-1')).to.deep.equal([]);
  });
});
