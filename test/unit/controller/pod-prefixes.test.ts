import { expect } from 'chai';
import { parseSettings, type Settings } from '../../../common/settings.ts';
import { readPodPrefixes, withPodPrefixes } from '../../../controller/pod-prefixes.ts';

function settings(vip: string): Settings {
  const { settings: read } = parseSettings(`service: { name: web }\nvip: ${vip}`, 'settings');
  if (read === undefined) throw new Error('these settings are refused');
  return read;
}

describe('the VIP prefixes of a pod', () => {
  it('are those that it was made with, whatever the settings of those that replace it say', () => {
    const next = settings('{ prefixes: [198.51.100.0/28], unmatched: drop }');
    // the status names its address no more
    expect(withPodPrefixes(next, ['203.0.113.0/28']).vip).to.deep.equal({
      prefixes: ['203.0.113.0/28'],
      addresses: [],
      unmatched: 'drop',
    });
    const wider = settings('{ prefixes: [203.0.113.0/28, 198.51.100.7/32], addresses: [203.0.113.5] }');
    expect(withPodPrefixes(wider, ['203.0.113.0/28']).vip).to.deep.include({
      prefixes: ['203.0.113.0/28'],
      addresses: ['203.0.113.5'],
    });
  });

  it('leave settings alone that say the same, in whatever order', () => {
    const same = settings('{ prefixes: [203.0.113.0/28, 198.51.100.7/32] }');
    expect(withPodPrefixes(same, ['198.51.100.7/32', '203.0.113.0/28'])).to.equal(same);
  });

  it('are those of the settings where nobody says, or in words that are no prefixes', () => {
    const any = settings('{ prefixes: [203.0.113.0/28] }');
    expect(withPodPrefixes(any, readPodPrefixes(undefined))).to.equal(any);
    expect(withPodPrefixes(any, readPodPrefixes(''))).to.equal(any);
    expect(withPodPrefixes(any, readPodPrefixes('nonsense'))).to.equal(any);
    expect(readPodPrefixes('203.0.113.0/28, 198.51.100.7/32')).to.deep.equal([
      '203.0.113.0/28',
      '198.51.100.7/32',
    ]);
  });
});
