import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readText, writeFileAtomic } from '../../../common/files.ts';
import { Problem } from '../../../common/problem.ts';

describe('files', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'files-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function failureOf(promise: Promise<unknown>): Promise<Problem> {
    return promise.then(
      () => {
        throw new Error('did not fail');
      },
      (error: Problem) => error,
    );
  }

  it('replaces a file whole: another inode, nothing left beside it', async () => {
    const path = join(directory, 'a.json');
    await writeFileAtomic(path, 'one');
    const { ino } = statSync(path);
    await writeFileAtomic(path, 'two', { durability: 'none' });
    expect(readFileSync(path, 'utf8')).to.equal('two');
    expect(statSync(path).ino).to.not.equal(ino);
    expect(statSync(path).mode & 0o777).to.equal(0o644);
    expect(readdirSync(directory)).to.deep.equal(['a.json']);
  });

  it('lets no reader see a part while many write', async () => {
    const path = join(directory, 'a.txt');
    const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000));
    await writeFileAtomic(path, texts[0] ?? '');
    let writing = true;
    const writers = Promise.all(
      texts.flatMap((text) =>
        Array.from({ length: 10 }, () => writeFileAtomic(path, text, { durability: 'none' })),
      ),
    ).finally(() => {
      writing = false;
    });
    let reads = 0;
    for (; writing; reads++) expect(texts.includes(await readText(path))).to.equal(true);
    await writers;
    expect(reads).to.be.above(1);
    expect(readdirSync(directory)).to.deep.equal(['a.txt']);
  });

  it('names the file and the remedy when it cannot write or read', async () => {
    const path = join(directory, 'gone', 'a.json');
    const failed = await failureOf(writeFileAtomic(path, 'x'));
    expect(failed).to.be.instanceOf(Problem).with.property('code', 'FILE_UNWRITABLE');
    expect(failed.message).to.equal(
      `${path}: cannot be written (ENOENT: no such file or directory); the file is as it was before; create it, or correct the path`,
    );
    const onto = join(directory, 'directory.json', 'x');
    await failureOf(writeFileAtomic(onto, 'x'));
    expect((await failureOf(readText(directory))).message).to.equal(
      `${directory}: cannot be read (EISDIR: illegal operation on a directory); a file is wanted there`,
    );
  });

  it('leaves the old file whole and nothing beside it on a full disk', function () {
    const module = join(import.meta.dirname, '../../../common/files.ts');
    const script = `
      import { readdirSync, readFileSync } from 'node:fs';
      import { writeFileAtomic } from '${module}';
      await writeFileAtomic('${directory}/a.json', 'old');
      const message = await writeFileAtomic('${directory}/a.json', 'x'.repeat(200_000)).then(() => 'written', (error) => error.message);
      console.log(JSON.stringify([message, readFileSync('${directory}/a.json', 'utf8'), readdirSync('${directory}')]));`;
    // a tmpfs of 64 KiB in a mount namespace of its own is a disk that is soon full
    const inside = `mount -t tmpfs -o size=64k tmpfs ${directory} && exec "$0" --input-type=module -e "$1"`;
    try {
      execFileSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', directory], { stdio: 'pipe' });
    } catch {
      this.skip(); // no user namespaces here
    }
    const output = execFileSync('unshare', ['-Urm', 'sh', '-c', inside, process.execPath, script], {
      encoding: 'utf8',
    });
    expect(JSON.parse(output)).to.deep.equal([
      `${directory}/a.json: cannot be written (ENOSPC: no space left on device); the file is as it was before; free space on that volume`,
      'old',
      ['a.json'],
    ]);
  });

  it('does not write through a file that another put in its place', async () => {
    const path = join(directory, 'a.json');
    writeFileSync(path, 'theirs');
    await writeFileAtomic(path, 'ours');
    expect(await readText(path)).to.equal('ours');
  });
});
