import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { keepLooking, type Look } from '../../../common/looking.ts';
import { followSettings } from '../../../common/settings-file.ts';

describe('looking at files', () => {
  it('survives a look that throws: it is told, and the next look finds what there is', async () => {
    const told: string[] = [];
    let looks = 0;
    const looking = keepLooking(
      async (): Promise<Look> => {
        if (++looks === 1) throw new TypeError('circular');
        return 'settled';
      },
      ({ message }) => told.push(message),
    );
    looking.now();
    await sleep(5);
    expect(told).to.have.length(1);
    expect(told[0]).to.match(/could not be taken \(circular\), what was read last stays/);
    looking.now();
    await sleep(5);
    expect(looks).to.equal(2);
    expect(told).to.have.length(1);
    await looking.stop();
  });

  it('settings that nothing can make sense of are refused once, and good ones are taken after them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'looking-'));
    const file = join(directory, 'settings.yaml');
    const got: unknown[] = [];
    const refused: string[] = [];
    const parse = (text: string) => {
      if (text.startsWith('bad')) throw new RangeError('Invalid string length');
      return { settings: { text } };
    };
    writeFileSync(file, 'bad\n');
    const following = await followSettings(file, parse, {
      onSettings: (settings) => got.push(settings),
      onRefused: (problems) => refused.push(...problems.map(({ message }) => message)),
    });
    try {
      await until(() => refused.length > 0);
      expect(refused[0]).to.match(/Invalid string length/);
      writeFileSync(file, 'good\n');
      await until(() => got.length > 0);
      expect(refused).to.have.length(1);
      expect(got).to.deep.equal([{ text: 'good\n' }]);
    } finally {
      await following.close();
      rmSync(directory, { recursive: true });
    }
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn > 500) throw new Error('it did not come');
    await sleep(10);
  }
}
