import {
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { monotonicMs } from '../../../common/clock.ts';
import { type Reading, SettledFile, settleMs } from '../../../common/settled-file.ts';

describe('SettledFile', () => {
  let directory: string;
  let path: string;
  let file: SettledFile;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'settled-'));
    path = join(directory, 'a.yaml');
    file = new SettledFile(path);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function replace(text: string): void {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  }

  /** Reads until it is settled; gives how long that took too. */
  async function settle(): Promise<{ reading: Reading; tookMs: number }> {
    const from = monotonicMs();
    for (;;) {
      const reading = await file.read();
      const tookMs = monotonicMs() - from;
      if (reading.state !== 'unsettled') return { reading, tookMs };
      if (tookMs > 2_000) throw new Error(`${path} has not settled within 2 s`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('takes a new file when it has rested, and once', async () => {
    expect(await file.read()).to.deep.equal({ state: 'absent' });
    expect(await file.read()).to.deep.equal({ state: 'same' });
    writeFileSync(path, 'a: 1\n');
    const { reading, tookMs } = await settle();
    expect(reading).to.deep.equal({ state: 'whole', text: 'a: 1\n' });
    expect(tookMs).to.be.at.least(settleMs);
    expect(await file.read()).to.deep.equal({ state: 'same' });
  });

  it('takes a file at once that was there long before, or that replaced another', async () => {
    writeFileSync(path, 'a: 1\n');
    await settle();
    replace('a: 2\n');
    expect(await file.read()).to.deep.equal({ state: 'whole', text: 'a: 2\n' });
    replace('a: 3\n');
    expect(await file.read()).to.deep.equal({ state: 'whole', text: 'a: 3\n' });
  });

  it('waits for the end of a file written in pieces', async () => {
    writeFileSync(path, 'a: 1\nb: 1\n');
    await settle();
    for (const text of ['', 'a: 2\n', 'a: 2\nb:', 'a: 2\nb: 2\n']) {
      writeFileSync(path, text);
      expect(await file.read(), JSON.stringify(text)).to.deep.equal({ state: 'unsettled' });
    }
    expect((await settle()).reading).to.deep.equal({ state: 'whole', text: 'a: 2\nb: 2\n' });
  });

  it('sees a change of the same size with its time set back', async () => {
    writeFileSync(path, 'a: 1\n');
    await settle();
    writeFileSync(path, 'a: 2\n');
    utimesSync(path, 1_000, 1_000);
    expect((await settle()).reading).to.deep.equal({ state: 'whole', text: 'a: 2\n' });
  });

  it('refuses what was left half-written, until it is finished', async () => {
    for (const text of ['', '\n \n', 'a: 1\nb: 10.1.0', '{"a": [1, 2']) {
      writeFileSync(path, text);
      const { reading } = await settle();
      expect(reading, JSON.stringify(text)).to.have.property('state', 'refused');
      expect((reading as { problem: Error }).problem.message).to.match(/a\.yaml: looks half-written: its? /);
      expect(await file.read()).to.deep.equal({ state: 'same' });
    }
    truncateSync(path, 0);
    writeFileSync(path, '{"a": [1, 2]}');
    expect((await settle()).reading).to.deep.equal({ state: 'whole', text: '{"a": [1, 2]}' });
  });

  it('believes a removal when it lasts', async () => {
    writeFileSync(path, 'a: 1\n');
    await settle();
    unlinkSync(path);
    expect(await file.read()).to.deep.equal({ state: 'unsettled' });
    replace('a: 2\n'); // by then the file system may have given the inode's number again
    expect((await settle()).reading).to.deep.equal({ state: 'whole', text: 'a: 2\n' });
    unlinkSync(path);
    expect((await settle()).reading).to.deep.equal({ state: 'absent' });
  });

  it('refuses what cannot be read', async () => {
    writeFileSync(path, 'a: 1\n');
    const reading = await new SettledFile(join(path, 'b.yaml')).read();
    expect(reading)
      .to.have.property('problem')
      .with.property('message')
      .that.matches(/cannot be read \(ENOTDIR: /);
  });
});
