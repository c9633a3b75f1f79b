import { expect } from 'chai';
import { isCurrent, type SpeakerState } from '../../../common/speaker-state.ts';

describe('the speaker state', () => {
  const at = (writtenAtMs: number): SpeakerState => ({
    version: 1,
    writtenAtMs,
    stopping: false,
    prefixes: {},
    peers: {},
  });

  it('counts while it is written again and again, not when it is that of a dead sidecar or of before a reboot', () => {
    const nowMs = 100_000;
    for (const [writtenAtMs, counts] of [
      [nowMs, true],
      [nowMs - 14_000, true],
      [nowMs - 16_000, false],
      [nowMs + 60_000, false],
    ] as const)
      expect(isCurrent(at(writtenAtMs), nowMs), String(writtenAtMs)).to.equal(counts);
  });
});
