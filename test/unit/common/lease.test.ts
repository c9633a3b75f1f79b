import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isLapsed, type Lease, readLease, writeLease } from '../../../common/lease.ts';
import { readSpeakerState, type SpeakerState, writeSpeakerState } from '../../../common/speaker-state.ts';

const lease: Lease = {
  version: 1,
  pod: 'lb-1',
  service: 'default/web',
  announce: true,
  reason: 'the kernel holds what is wanted',
  prefixes: ['203.0.113.0/28'],
  renewedAtMs: 100_000.5,
  lengthMs: 60_000,
};
const speaker: SpeakerState = {
  version: 1,
  writtenAtMs: 5,
  stopping: false,
  prefixes: { '203.0.113.0/28': 'last-resort' },
  peers: {
    '10.0.0.251': { up: false, sinceMs: 3, problem: 'refused' },
    '10.0.0.252': { up: true, sinceMs: 4 },
  },
};

describe('lease and speaker state', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lease-'));
  const path = join(directory, 'lease.json');
  after(() => rmSync(directory, { recursive: true }));

  it('are absent, then read as they were written', async () => {
    expect(await readLease(path)).to.deep.equal({ state: 'absent' });
    expect(await readSpeakerState(path)).to.deep.equal({ state: 'absent' });
    await writeLease(path, lease);
    expect(await readLease(path)).to.deep.equal({ state: 'read', lease });
    await writeSpeakerState(path, speaker);
    expect(await readSpeakerState(path)).to.deep.equal({ state: 'read', speaker });
  });

  it('are torn at every length but the whole', async () => {
    const text = JSON.stringify(lease);
    for (let length = 0; length < text.length; length++) {
      writeFileSync(path, text.slice(0, length));
      const read = await readLease(path);
      expect(read.state, text.slice(0, length)).to.equal('torn');
      expect((read as { why: string }).why).to.include(`${path}: is not JSON`);
    }
  });

  const torn: [string, object, string][] = [
    ['of another version', { ...lease, version: 2 }, 'version'],
    ['without a yes or no', { ...lease, announce: 'yes' }, 'announce'],
    [
      'with a prefix that is none',
      { ...lease, prefixes: ['203.0.113.0'] },
      'prefixes.0: is not an IP prefix',
    ],
    ['that lasts no time', { ...lease, lengthMs: 0 }, 'lengthMs'],
    ['of a speaker', speaker, 'pod'],
  ];
  for (const [what, value, field] of torn) {
    it(`is torn ${what}`, async () => {
      writeFileSync(path, JSON.stringify(value));
      expect(await readLease(path))
        .to.have.property('why')
        .that.includes(`${path}: ${field}`);
    });
  }

  it('is torn where it cannot be read', async () => {
    expect(await readLease(directory)).to.deep.equal({
      state: 'torn',
      why: `${directory}: EISDIR: illegal operation on a directory`,
    });
  });

  it('of another sandbox is absent: its rules went with that one', async () => {
    const file = join(directory, 'lease.json');
    await writeLease(file, { ...lease, sandbox: 'boot net:[1]' });
    expect(await readLease(file, 'boot net:[2]')).to.deep.equal({ state: 'absent' });
    expect((await readLease(file, 'boot net:[1]')).state).to.equal('read');
  });

  it('lapses after its length, and when it comes from before a reboot', () => {
    expect(isLapsed(lease, 100_000.5)).to.equal(false);
    expect(isLapsed(lease, 160_000.5)).to.equal(false);
    expect(isLapsed(lease, 160_001)).to.equal(true);
    expect(isLapsed(lease, 99_500)).to.equal(false);
    expect(isLapsed(lease, 5_000)).to.equal(true);
  });
});
