import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bundleName, writeStarter } from '../../../../lab/setup/starter.ts';

describe('the starter of a bundled program', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'starter-'));
    writeStarter(directory, 'program');
    writeFileSync(
      join(directory, bundleName('program')),
      "import { getCompileCacheDir } from 'node:module'; console.log(process.argv.slice(2), getCompileCacheDir());",
    );
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const start = (nodeOptions: string[] = []) =>
    new Promise<{ code: number; said: string }>((resolve) => {
      const args = [...nodeOptions, join(directory, 'program.js'), '--settings', 'x'];
      execFile(process.execPath, args, { env: {} }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), said: stdout + stderr }),
      );
    });
  const describePackage = (type: string) =>
    writeFileSync(join(directory, 'package.json'), `{ "type": "${type}" }`);

  for (const type of ['module', 'commonjs'])
    it(`loads the bundle, with the compile cache beside it (as ${type})`, async () => {
      describePackage('module');
      if (type === 'commonjs') rmSync(join(directory, 'package.json'));
      const { code, said } = await start();
      expect(said).to.contain("[ '--settings', 'x' ]").and.contain(join(directory, 'compile-cache'));
      expect(code).to.equal(0);
    });

  it('ends at a signal that comes while the program still loads, which would else be lost to the first process', async () => {
    describePackage('module');
    // as a bundle whose modules take long
    writeFileSync(
      join(directory, bundleName('program')),
      "console.log('loading'); await new Promise(() => setInterval(() => {}, 60_000));",
    );
    const child = spawn(process.execPath, [join(directory, 'program.js')], {
      env: {},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).to.deep.equal([143, null]);
  });

  for (const type of ['module', 'commonjs'])
    it(`tells an old Node in a sentence (as ${type})`, async () => {
      describePackage(type);
      const old = join(directory, 'old.cjs');
      writeFileSync(
        old,
        "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });",
      );
      const { code, said } = await start(['--require', old]);
      expect(said.trim()).to.match(
        /^program needs Node 24 or newer, and this is Node 20\.20\.2 \(\/.*\): install it/,
      );
      expect(said.trim()).to.not.contain('\n');
      expect(code).to.equal(2);
    });
});
