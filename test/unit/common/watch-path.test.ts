import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { monotonicMs } from '../../../common/clock.ts';
import { type Watcher, watchPath } from '../../../common/watch-path.ts';

describe('watchPath', () => {
  let base: string;
  let directory: string;
  let watcher: Watcher | undefined;
  let calls: number[];

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'watch-path-'));
    directory = join(base, 'etc', 'manifests');
    calls = [];
  });
  afterEach(async () => {
    await watcher?.close();
    rmSync(base, { recursive: true, force: true });
  });

  async function watching(path: string): Promise<void> {
    watcher = await watchPath(path, () => calls.push(monotonicMs()));
  }

  /** Does something, and waits until it was told and its burst is over. */
  async function told(what: string, act: () => void): Promise<number> {
    calls.length = 0;
    const from = monotonicMs();
    act();
    const acted = monotonicMs();
    while (!calls.some((at) => at >= acted)) {
      if (monotonicMs() - acted > 2_000)
        throw new Error(`${what}: not told within 2 s, calls: ${calls.length}`);
      await pause(1);
    }
    const latencyMs = (calls[0] ?? 0) - from;
    await quiet();
    return latencyMs;
  }

  async function quiet(): Promise<void> {
    const last = () => calls.at(-1) ?? 0;
    while (monotonicMs() - last() < 60) await pause(5);
  }

  it('tells a file written, replaced and removed in a directory', async () => {
    mkdirSync(directory, { recursive: true });
    await watching(directory);
    await told('written', () => writeFileSync(join(directory, 'a.yaml'), 'a'));
    await told('replaced', () => {
      writeFileSync(join(directory, '.a.tmp'), 'b');
      renameSync(join(directory, '.a.tmp'), join(directory, 'a.yaml'));
    });
    await told('written in place, same size', () => writeFileSync(join(directory, 'a.yaml'), 'c'));
    await told('removed', () => unlinkSync(join(directory, 'a.yaml')));
  });

  it('tells the first event after quiet at once: the middle of 30 within 50 ms', async () => {
    mkdirSync(directory, { recursive: true });
    await watching(directory);
    const latencies: number[] = [];
    for (let i = 0; i < 30; i++) {
      latencies.push(
        await told('replaced', () => {
          writeFileSync(join(directory, '.a.tmp'), String(i));
          renameSync(join(directory, '.a.tmp'), join(directory, 'a.yaml'));
        }),
      );
    }
    expect(latencies.sort((a, b) => a - b)[15]).to.be.below(50);
  });

  it('makes few calls of a burst, and one after its end', async () => {
    mkdirSync(directory, { recursive: true });
    await watching(directory);
    const from = monotonicMs();
    for (let i = 0; i < 50; i++) {
      writeFileSync(join(directory, `${i % 5}.yaml`), String(i));
      await pause(1);
    }
    const burstMs = monotonicMs() - from;
    await told('the last', () => writeFileSync(join(directory, 'last.yaml'), ''));
    expect(calls.length).to.be.at.most(Math.ceil(burstMs / 10) + 5);
  });

  for (const kind of ['directory', 'file'] as const) {
    it(`tells every swap by the kubelet of a watched ${kind}`, async () => {
      mkdirSync(directory, { recursive: true });
      const file = join(directory, 'settings.yaml');
      fillConfigMap(directory, 1);
      symlinkSync('..data/settings.yaml', file);
      await watching(kind === 'file' ? file : directory);
      for (let version = 2; version < 8; version++) {
        await told(`swap ${version}`, () => fillConfigMap(directory, version));
        await told(`end of ${version - 1}`, () =>
          rmSync(join(directory, `..${version - 1}`), { recursive: true }),
        );
      }
    });

    it(`follows a ${kind} that is not there yet, nor its parents, and goes and comes again`, async () => {
      const file = join(directory, 'settings.yaml');
      await watching(kind === 'file' ? file : directory);
      for (let round = 0; round < 3; round++) {
        await told('made', () => {
          mkdirSync(directory, { recursive: true });
          writeFileSync(file, 'a');
        });
        await told('replaced', () => {
          writeFileSync(join(directory, '.a.tmp'), 'b');
          renameSync(join(directory, '.a.tmp'), file);
        });
        await told('removed', () =>
          rmSync(join(base, round === 1 ? 'etc' : 'etc/manifests'), { recursive: true }),
        );
      }
      await told('another moved into its place', () => {
        mkdirSync(join(base, 'other'));
        writeFileSync(join(base, 'other', 'settings.yaml'), 'c');
        mkdirSync(join(base, 'etc'), { recursive: true });
        renameSync(join(base, 'other'), directory);
      });
    });
  }

  it('tells nothing of other files, nor of temporary ones', async () => {
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'lease.json');
    writeFileSync(file, 'a');
    await watching(file);
    writeFileSync(join(directory, 'other.json'), 'a');
    writeFileSync(join(directory, '.lease.json.tmp'), 'a');
    await pause(50);
    expect(calls).to.have.length(0);
    await told('the file itself', () => writeFileSync(file, 'b'));
  });

  it('tells nothing more once closed', async () => {
    mkdirSync(directory, { recursive: true });
    await watching(directory);
    await watcher?.close();
    writeFileSync(join(directory, 'a.yaml'), 'a');
    await pause(50);
    expect(calls).to.have.length(0);
  });

  it('polls where no inotify watch is left', function () {
    const script = `
      import { writeFileSync } from 'node:fs';
      import { watchPath } from '${join(import.meta.dirname, '../../../common/watch-path.ts')}';
      await watchPath('${base}', () => { console.log('told'); process.exit(0); });
      writeFileSync('${base}/a.yaml', 'a');
      setTimeout(() => process.exit(1), 5000);`;
    try {
      execFileSync('unshare', ['-Ur', 'true'], { stdio: 'pipe' });
    } catch {
      this.skip(); // no user namespaces here, so no limit of our own to lower
    }
    const output = execFileSync(
      'unshare',
      [
        '-Ur',
        'sh',
        '-c',
        'echo 0 > /proc/sys/user/max_inotify_watches && exec "$0" --input-type=module -e "$1"',
        process.execPath,
        script,
      ],
      { encoding: 'utf8' },
    );
    expect(output).to.equal('told\n');
  });
});

/** As the kubelet's AtomicWriter (pkg/volume/util/atomic_writer.go): new directory, new link, rename over ..data. */
function fillConfigMap(directory: string, version: number): void {
  mkdirSync(join(directory, `..${version}`));
  writeFileSync(join(directory, `..${version}`, 'settings.yaml'), String(version));
  symlinkSync(`..${version}`, join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
