import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { syncOf } from '../../../../controller/keepalived/file-set.ts';
import { openKeepalivedFiles } from '../../../../controller/keepalived/files.ts';
import { fakeKeepalived } from './fake.ts';

const set = (text: string) => ({ 'ipvs.conf': text, 'virtual-services/tcp-80.conf': `${text} 80` });

describe('keepalived files', () => {
  let runDir: string;
  beforeEach(() => {
    runDir = join(mkdtempSync(join(tmpdir(), 'files-')), 'run');
  });
  afterEach(() => rmSync(join(runDir, '..'), { recursive: true }));

  const generations = () => readdirSync(join(runDir, 'generations'));

  it('puts a set in place at once and finds it again after a restart', async () => {
    const files = openKeepalivedFiles(runDir);
    expect(files.current()).to.equal(undefined);
    const directory = await files.stage(set('one'));
    expect(existsSync(files.configFile)).to.equal(false);
    await files.commit(directory);
    expect(files.current()).to.deep.equal(set('one'));
    expect(readFileSync(files.configFile, 'utf8')).to.equal('one');
    expect(openKeepalivedFiles(runDir).current()).to.deep.equal(set('one'));
  });

  it('leaves out files of the set before, and keeps only that one', async () => {
    const files = openKeepalivedFiles(runDir);
    for (const text of ['one', 'two', 'three']) await files.commit(await files.stage(set(text)));
    await files.commit(await files.stage({ 'ipvs.conf': 'four' }));
    expect(readdirSync(join(runDir, 'current'))).to.deep.equal(['ipvs.conf']);
    expect(generations()).to.have.length(2);
  });

  it('removes at its start what an earlier run left half done, and never uses a number twice', async () => {
    const files = openKeepalivedFiles(runDir);
    await files.commit(await files.stage(set('one')));
    await files.commit(await files.stage(set('two')));
    const half = await files.stage(set('half'));
    writeFileSync(join(runDir, 'current.new'), '');
    mkdirSync(join(runDir, 'generations', 'stray'));
    const again = openKeepalivedFiles(runDir);
    expect(again.current()).to.deep.equal(set('two'));
    expect(generations()).to.have.length(2);
    expect(existsSync(join(runDir, 'current.new'))).to.equal(false);
    const next = await again.stage(set('three'));
    expect([...generations()].sort().at(-1)).to.equal(basename(next));
    expect(basename(next) >= basename(half)).to.equal(true);
  });

  it('are synced on a disk, and not in memory, where that is only waiting', async () => {
    const absent = join(runDir, 'absent');
    await syncOf('/dev/shm')(absent);
    const refusal = await syncOf('/proc')(absent).catch(({ code }: NodeJS.ErrnoException) => code);
    expect(refusal).to.equal('ENOENT');
  });

  it('takes a current set that is torn for none', async () => {
    const files = openKeepalivedFiles(runDir);
    await files.commit(await files.stage(set('one')));
    rmSync(join(runDir, 'current', 'ipvs.conf'));
    const again = openKeepalivedFiles(runDir);
    expect(again.current()).to.equal(undefined);
    await again.commit(await again.stage(set('two')));
    expect(again.current()).to.deep.equal(set('two'));
  });

  it('keeps the newest three refused sets, with what keepalived said', async () => {
    const fake = fakeKeepalived('echo "line 1 of $4 is wrong" >&2; exit 5');
    try {
      const files = openKeepalivedFiles(runDir, { program: fake.program });
      const kept: string[] = [];
      for (const text of ['one', 'two', 'three', 'four', 'five']) {
        const directory = await files.stage(set(text));
        expect(await files.test(directory)).to.include({ ok: false });
        kept.push(await files.reject(directory));
      }
      expect(readdirSync(join(runDir, 'rejected'))).to.deep.equal(
        kept.slice(2).map((path) => basename(path)),
      );
      expect(readFileSync(join(kept[4] ?? '', 'refused.txt'), 'utf8')).to.contain('is wrong');
      expect(readFileSync(join(kept[4] ?? '', 'ipvs.conf'), 'utf8')).to.equal('five');
      expect(generations()).to.deep.equal([]);
    } finally {
      fake.remove();
    }
  });

  it('refuses a set without a main file, and a commit of a directory that is gone', async () => {
    const files = openKeepalivedFiles(runDir);
    await files.commit(await files.stage(set('one')));
    for (const empty of [{}, { 'ipvs.conf': ' \n' }]) {
      const problem = await files.stage(empty).catch((error) => error);
      expect(problem.code).to.equal('KEEPALIVED_FILES_EMPTY');
    }
    const directory = await files.stage(set('two'));
    rmSync(directory, { recursive: true });
    const problem = await files.commit(directory).catch((error) => error);
    expect(problem.code).to.equal('KEEPALIVED_FILES_UNWRITABLE');
    expect(files.current()).to.deep.equal(set('one'));
    expect(existsSync(join(runDir, 'generations', basename(readlinkSync(join(runDir, 'current')))))).to.equal(
      true,
    );
  });

  it('names a run directory that cannot be made', () => {
    writeFileSync(runDir, 'a file stands here');
    expect(() => openKeepalivedFiles(runDir)).to.throw(runDir);
  });
});
