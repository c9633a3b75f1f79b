import { expect } from 'chai';
import { trafficPolicyNotes } from '../../../../controller/core/traffic-policies.ts';
import { serviceOf } from './builders.ts';

const notesOf = (spec: object) =>
  trafficPolicyNotes(serviceOf([{ port: 80 }], spec), 'default/web', ['203.0.113.0/28']);

describe('traffic policies of a Service', () => {
  it('are no matter where they ask for what is done anyway', () => {
    const spec = {
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
    };
    expect(notesOf(spec)).to.deep.equal([]);
    expect(notesOf({})).to.deep.equal([]);
  });

  const policies: [object, RegExp][] = [
    [
      { externalTrafficPolicy: 'Local' },
      /externalTrafficPolicy "Local" does not apply .*real servers of all nodes/,
    ],
    [{ internalTrafficPolicy: 'Local' }, /internalTrafficPolicy "Local" does not apply/],
    [
      { sessionAffinity: 'ClientIP' },
      /sessionAffinity "ClientIP" does not apply .*scheduler that hashes the source/,
    ],
    [{ trafficDistribution: 'PreferSameZone' }, /trafficDistribution "PreferSameZone" does not apply/],
    [{ loadBalancerSourceRanges: ['10.0.0.0/8'] }, /loadBalancerSourceRanges .* every source is let in/],
  ];
  for (const [spec, words] of policies)
    it(`tells ${JSON.stringify(spec)} in the log`, () => {
      const [note, ...more] = notesOf(spec);
      expect(note?.message).to.match(words);
      expect(note).to.not.have.property('event');
      expect(more).to.deep.equal([]);
    });

  it('refuses an external address of a VIP prefix, by an Event too, and lets others be', () => {
    const notes = notesOf({ externalIPs: ['198.51.100.1', '203.0.113.5'] });
    expect(notes).to.have.length(1);
    expect(notes[0]).to.include({ code: 'EXTERNAL_IP_REFUSED', event: 'service' });
    expect(notes[0]?.message).to.match(
      /has "203\.0\.113\.5" of the VIP prefix 203\.0\.113\.0\/28: refused, since kube-proxy/,
    );
  });
});
