import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ConfigTester, createConfigTester } from '../../../../controller/keepalived/config-tester.ts';
import { type Fake, fakeKeepalived } from './fake.ts';

/** As keepalived does: opens its log before it reads anything. `ran` gets a line for each start. */
const opening =
  'echo $$ "$2" >> "$(dirname "$0")/ran"; case "$2" in *=*) exec 2>"$(echo "$2" | cut -d= -f2)" ;; esac';

describe('keepalived --config-test started ahead', function () {
  this.timeout(10_000);
  let fake: Fake;
  let tester: ConfigTester;
  afterEach(() => {
    tester.close();
    fake.remove();
  });

  const runs = () => {
    try {
      return readFileSync(join(fake.directory, 'ran'), 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };
  const started = async (count: number) => {
    const deadline = Date.now() + 5000;
    while (runs().length < count) {
      if (Date.now() > deadline)
        throw new Error(`waited for start ${count} of keepalived; seen: ${runs().join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const open = async (script: string, deadlineMs = 5000) => {
    fake = fakeKeepalived(`${opening}\n${script}`);
    for (const name of ['1', '2']) {
      const directory = join(fake.directory, 'generations', name);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'ipvs.conf'), `set ${name}`);
    }
    tester = createConfigTester(fake.directory, { program: fake.program, deadlineMs, firstAfterMs: 0 });
    await started(1);
  };
  const judge = (name: string) => tester.test(join(fake.directory, 'generations', name));

  it('reads the set that is there when it is asked, and the next one is started ahead again', async () => {
    await open('cat "$4" >&2; exit 5');
    expect(await judge('1')).to.deep.equal({ ok: false, output: 'set 1' });
    await started(2);
    expect(await judge('2')).to.deep.equal({ ok: false, output: 'set 2' });
    expect(runs().every((run) => run.includes('--config-test='))).to.equal(true);
  });

  it('starts a fresh one where the one that waited is gone', async () => {
    await open('cat "$4" >&2; exit 5');
    const pid = Number.parseInt(runs()[0] ?? '', 10);
    process.kill(pid, 'SIGKILL');
    expect(await judge('1')).to.deep.equal({ ok: false, output: 'set 1' });
    expect(runs()[1]).to.match(/--config-test$/);
  });

  it('does not believe one that gave up before it could say why', async () => {
    await open('test "$2" = --config-test && echo wrong >&2; exit 5');
    expect(await judge('1')).to.deep.equal({ ok: false, output: 'wrong' });
  });

  it('kills one that hangs, and tells one that crashes', async () => {
    await open('echo thinking >&2; exec sleep 60', 200);
    const hung = await judge('1');
    expect(hung.ok).to.equal(false);
    expect(hung.output).to.contain('200 ms').and.to.contain('thinking');
    tester.close();
    fake.remove();
    await open('kill -SEGV $$');
    expect((await judge('1')).output).to.contain('SIGSEGV');
  });

  it('takes more words than a FIFO holds', async () => {
    await open('head -c 300000 /dev/zero | tr "\\0" x >&2; exit 5');
    const { ok, output } = await judge('1');
    expect(ok).to.equal(false);
    expect(output).to.have.length(16_384);
  });

  it('leaves nothing behind when it is closed', async () => {
    await open('exit 0');
    const pid = Number.parseInt(runs()[0] ?? '', 10);
    tester.close();
    const deadline = Date.now() + 2000;
    const gone = () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    };
    while (!gone() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(gone()).to.equal(true);
    expect(readdirSync(fake.directory).filter((name) => name.endsWith('.fifo'))).to.deep.equal([]);
  });
});
