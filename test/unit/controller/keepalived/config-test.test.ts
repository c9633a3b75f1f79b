import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { testConfiguration } from '../../../../controller/keepalived/config-test.ts';
import { type Fake, fakeKeepalived } from './fake.ts';

describe('keepalived --config-test', () => {
  let fake: Fake;
  afterEach(() => fake.remove());

  const judge = (script: string, deadlineMs = 5000) => {
    fake = fakeKeepalived(script);
    const file = join(fake.directory, 'ipvs.conf');
    writeFileSync(file, 'text');
    return testConfiguration(file, { program: fake.program, deadlineMs });
  };

  it('passes what keepalived has nothing to say of', async () => {
    expect(await judge('exit 0')).to.deep.equal({ ok: true, output: '' });
  });

  it('passes a warning that is no fault, and refuses it beside one that is', async () => {
    const quorum =
      'Warning - quorum 1 for FWM 1 exceeds total weight of real servers 0, reducing quorum to 0';
    expect((await judge(`echo "${quorum}" >&2; exit 5`)).ok).to.equal(true);
    fake.remove();
    const both = await judge(`echo "${quorum}" >&2; echo "Unknown keyword" >&2; exit 5`);
    expect(both).to.deep.equal({ ok: false, output: 'Unknown keyword' });
  });

  it('refuses words with exit code 0, and an exit code without words', async () => {
    const missing = await judge(`echo "(Line 1) Config files missing 'a.conf'." >&2; exit 0`);
    expect(missing).to.deep.include({ ok: false });
    fake.remove();
    const silent = await judge('exit 4');
    expect(silent.output).to.contain('code 4');
    expect(silent.undecided).to.equal(undefined);
  });

  it('kills one that does not answer, and does not take that for a verdict', async () => {
    const { ok, output } = await judge('echo thinking; exec sleep 60', 200);
    expect(ok).to.equal(false);
    expect(output).to.contain('200 ms').and.to.contain('thinking');
    fake.remove();
    expect((await judge('exit 126')).undecided).to.equal(true);
  });

  it('keeps what one that crashes said, and not without end', async () => {
    const { ok, output } = await judge('head -c 100000 /dev/zero | tr "\\0" x; kill -SEGV $$');
    expect(ok).to.equal(false);
    expect(output).to.contain('SIGSEGV');
    expect(output.length).to.be.below(20_000);
  });

  it('tells that keepalived is not installed', async () => {
    fake = fakeKeepalived('');
    const file = join(fake.directory, 'ipvs.conf');
    writeFileSync(file, 'text');
    const { ok, output, undecided } = await testConfiguration(file, {
      program: join(fake.directory, 'absent'),
    });
    expect([ok, undecided]).to.deep.equal([false, true]);
    expect(output).to.contain('absent').and.to.contain('installed');
  });
});
