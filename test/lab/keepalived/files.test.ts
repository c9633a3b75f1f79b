import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { computeDesired } from '../../../controller/core/desired.ts';
import { emptyMarks } from '../../../controller/core/marks.ts';
import { render } from '../../../controller/core/render.ts';
import { type KeepalivedFiles, openKeepalivedFiles } from '../../../controller/keepalived/files.ts';
import { defaults, settingsOf, snapshotOf } from '../../unit/controller/core/builders.ts';
import { hostileManifests } from '../../unit/controller/core/hostile-manifests.ts';
import { commandLine, eventually, Station } from './station.ts';

const checked = { address: '10.9.0.1' };

describe('keepalived judges files', function () {
  this.timeout(30_000);
  let station: Station;
  beforeEach(() => {
    station = new Station();
  });
  afterEach(() => station.close());

  const judge = async (files: Record<string, string>) => {
    const directory = await station.files.stage(files);
    return { directory, ...(await station.files.test(directory)) };
  };
  const replaced = (what: string, by: string) => {
    const files = station.render({ 1: [checked] });
    const name = 'virtual-services/1.conf';
    return { ...files, [name]: (files[name] ?? '').replace(what, by) };
  };

  const accepted: Record<string, () => Record<string, string>> = {
    'ordinary files': () => station.render({ 1: [checked], 2: [{ address: '10.9.0.2', check: false }] }),
    'no virtual service': () => station.render({}),
    'all servers draining': () => station.render({ 1: [{ address: '10.9.0.1', weight: 0, check: false }] }),
    'a virtual service without servers': () => station.render({ 1: [], 2: [checked] }),
  };
  for (const [name, files] of Object.entries(accepted)) {
    it(`accepts ${name}`, async () => {
      const { ok, output } = await judge(files());
      expect(ok, output).to.equal(true);
    });
  }

  it('accepts what the default template makes of hostile manifests', async function () {
    this.timeout(120_000);
    const settings = settingsOf();
    const paths = { notifyFifo: station.fifo };
    let servers = 0;
    for (const { service, slices } of fc.sample(hostileManifests, { numRuns: 60, seed: 20_261_122 })) {
      const desired = computeDesired(settings, snapshotOf(service, ...slices), emptyMarks());
      if ('refused' in desired) throw desired.refused[0];
      const files = render(defaults, settings, desired.virtualServices, paths);
      const { ok, output } = await judge(files);
      expect(ok, `${output}\n${JSON.stringify(files, undefined, 2)}`).to.equal(true);
      servers += desired.virtualServices.reduce((sum, { realServers }) => sum + realServers.length, 0);
    }
    expect(servers, 'some of it must have been good').to.be.greaterThan(10);
  });

  const refused: Record<string, [() => Record<string, string>, RegExp]> = {
    'an included file that is missing': [
      () => ({ 'ipvs.conf': 'include virtual-services/9.conf\n' }),
      /missing.*virtual-services\/9\.conf/,
    ],
    'an unknown keyword': [() => replaced('lb_algo', 'lb_algorithm'), /lb_algorithm/],
    'a weight that is none': [() => replaced('weight 1', 'weight heavy'), /heavy/],
    'a brace too few': [() => replaced('}\n}\n', '}\n'), /./],
    'a warning': [
      () => replaced('lb_kind NAT', 'lb_kind NAT\n  protocol TCP'),
      /protocol specified for fwmark/,
    ],
  };
  for (const [name, [files, words]] of Object.entries(refused)) {
    it(`refuses ${name}, and keeps the files and the words`, async () => {
      const { ok, output, directory } = await judge(files());
      expect(ok).to.equal(false);
      expect(output).to.match(words);
      const kept = await station.files.reject(directory);
      expect(readFileSync(join(kept, 'refused.txt'), 'utf8')).to.match(words);
      expect(station.files.current()).to.equal(undefined);
    });
  }

  it('refuses a main file that is empty, missing or executable', async () => {
    const { directory } = await judge(station.render({ 1: [checked] }));
    chmodSync(join(directory, 'ipvs.conf'), 0o755);
    expect(await station.files.test(directory)).to.include({ ok: false });
    execFileSync('truncate', ['-s', '0', join(directory, 'ipvs.conf')]);
    expect(await station.files.test(directory)).to.include({ ok: false });
    execFileSync('rm', [join(directory, 'ipvs.conf')]);
    expect(await station.files.test(directory)).to.include({ ok: false });
  });
});

describe('keepalived --config-test started ahead', function () {
  this.timeout(30_000);

  it('judges as a fresh one does, before and after it was killed', async () => {
    const station = new Station();
    const waiting = () =>
      readdirSync('/proc').filter((pid) => commandLine(pid).includes(`--config-test=${station.runDir}`));
    try {
      const good = await station.files.stage(station.render({ 1: [checked] }));
      const bad = await station.files.stage({ 'ipvs.conf': 'include virtual-services/9.conf\n' });
      for (const ending of ['asked', 'killed'] as const) {
        for (const [directory, verdict] of [
          [good, true],
          [bad, false],
        ] as const) {
          // Asked once: a process that starts a program has no command line for a moment.
          let pid = '';
          await eventually(() => {
            const found = waiting();
            expect(found).to.have.length(1);
            pid = found[0] ?? '';
          });
          if (ending === 'killed') process.kill(Number(pid), 'SIGKILL');
          expect(await station.files.test(directory)).to.include({ ok: verdict });
          expect(commandLine(pid)).to.equal('');
        }
      }
    } finally {
      await station.close();
    }
    await eventually(() => expect(waiting()).to.deep.equal([]));
  });
});

describe('keepalived files on a disk that fails', function () {
  this.timeout(30_000);
  let disk: string;
  let files: KeepalivedFiles;
  beforeEach(async () => {
    disk = mkdtempSync('/run/ka-disk-');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    files = openKeepalivedFiles(disk);
    await files.commit(await files.stage({ 'ipvs.conf': 'first' }));
  });
  afterEach(() => {
    files.close();
    execFileSync('umount', [disk]);
    rmdirSync(disk);
  });

  const refusal = async (work: () => Promise<unknown>) =>
    work().then(
      () => expect.fail('it was written'),
      (problem) => problem as Error & { code: string },
    );
  const whole = () => {
    expect(files.current()).to.deep.equal({ 'ipvs.conf': 'first' });
    expect(readFileSync(files.configFile, 'utf8')).to.equal('first');
    const again = openKeepalivedFiles(disk);
    expect(again.current()).to.deep.equal({ 'ipvs.conf': 'first' });
    again.close();
  };

  it('full: the running files stay whole, nothing is left behind, the problem names path and remedy', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, number) => [`virtual-services/${number}.conf`, 'x'.repeat(4096)]),
    );
    const problem = await refusal(() => files.stage({ 'ipvs.conf': 'second', ...many }));
    expect(problem.code).to.equal('KEEPALIVED_FILES_UNWRITABLE');
    expect(problem.message).to.contain(disk).and.to.contain('ENOSPC').and.to.contain('make room');
    expect(readdirSync(join(disk, 'generations'))).to.have.length(1);
    whole();
    await files.commit(await files.stage({ 'ipvs.conf': 'third' }));
    expect(files.current()).to.deep.equal({ 'ipvs.conf': 'third' });
  });

  it('read-only before staging and before the commit', async () => {
    const staged = await files.stage({ 'ipvs.conf': 'second' });
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    for (const work of [() => files.stage({ 'ipvs.conf': 'third' }), () => files.commit(staged)]) {
      const problem = await refusal(work);
      expect(problem.message).to.contain(disk).and.to.contain('EROFS');
    }
    expect(files.current()).to.deep.equal({ 'ipvs.conf': 'first' });
    expect(readFileSync(files.configFile, 'utf8')).to.equal('first');
    execFileSync('mount', ['-o', 'remount,rw', disk]);
    whole();
  });
});
