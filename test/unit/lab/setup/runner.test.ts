import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SetUpFailure } from '../../../../lab/setup/failure.ts';
import { takeLock } from '../../../../lab/setup/lock.ts';
import { createRunner } from '../../../../lab/setup/runner.ts';
import type { Step, StepTools } from '../../../../lab/setup/types.ts';

describe('set-up: runner', () => {
  let cacheDir: string;
  let printed: string;
  const print = (text: string) => {
    printed += text;
  };

  beforeEach(() => {
    cacheDir = mkdtempSync(join(tmpdir(), 'set-up-test-'));
    printed = '';
  });
  afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

  function folderStep(name: string, make: (folder: string, tools: StepTools) => Promise<void>): Step {
    const target = join(cacheDir, name);
    return {
      title: `folder ${name}`,
      isDone: () => existsSync(target),
      run: (tools) => tools.makeFolder(target, (temporary) => make(temporary, tools)),
      remedy: 'Free some space.',
    };
  }

  it('says one line a step with its time, and nothing of what is done', async () => {
    const steps = [folderStep('a', async () => {}), folderStep('b', async () => {})];
    await createRunner(cacheDir, print).run(steps);
    expect(printed).to.match(/^set-up: folder a … \d+\.\d s\nset-up: folder b … \d+\.\d s\n$/);
    printed = '';
    await createRunner(cacheDir, print).run(steps);
    expect(printed).to.equal('');
  });

  it('says which step failed, why, what to do and the end of its log', async () => {
    const step = folderStep('broken', (_, tools) =>
      tools.command(['sh', '-c', 'echo no space left >&2; exit 28']),
    );
    const failure = await createRunner(cacheDir, print)
      .run([step])
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(SetUpFailure);
    const { message } = failure as Error;
    expect(message).to.include('Set-up failed at: folder broken');
    expect(message).to.include('Why: sh ended with 28');
    expect(message).to.include('What to do: Free some space.');
    expect(message).to.include('  no space left');
    expect(existsSync(join(cacheDir, 'broken'))).to.equal(false);
  });

  it('takes a step that ends without its result for failed', async () => {
    const step: Step = { title: 'nothing', isDone: () => false, run: async () => {}, remedy: 'None.' };
    const failure = await createRunner(cacheDir, print)
      .run([step])
      .catch((error: unknown) => error);
    expect((failure as Error).message).to.include('what it makes is not there');
  });

  it('keeps nothing half made, and clears what an interrupted set-up left', async () => {
    const leftover = join(cacheDir, 'a.making-4242');
    mkdirSync(leftover);
    writeFileSync(join(leftover, 'half'), '');
    let seen: string[] = [];
    await createRunner(cacheDir, print).run([
      folderStep('a', async (folder) => {
        seen = readdirSync(cacheDir).filter((name) => name.startsWith('a'));
        writeFileSync(join(folder, 'whole'), '');
      }),
    ]);
    expect(seen).to.have.length(1).and.not.include('a.making-4242');
    expect(readdirSync(join(cacheDir, 'a'))).to.deep.equal(['whole']);
  });

  it('waits for another set-up, says for which, and does not do its work again', async () => {
    const lock = await takeLock(join(cacheDir, 'set-up.lock'), () => {});
    const waits = new Promise<string>((heard) => {
      const running = createRunner(cacheDir, heard).run([
        folderStep('a', () => Promise.reject(new Error('made twice'))),
      ]);
      finished = running;
    });
    expect(await waits).to.equal(
      `set-up: waiting for another set-up of the lab (process ${process.pid}) to finish\n`,
    );
    mkdirSync(join(cacheDir, 'a'));
    await lock.release();
    await finished;
  });
  let finished: Promise<void> | undefined;

  it('its lock ends with the process that has it, also by kill -9', async () => {
    const file = join(cacheDir, 'set-up.lock');
    const module = new URL('../../../../lab/setup/lock.ts', import.meta.url).href;
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `const { takeLock } = await import('${module}'); await takeLock('${file}', () => {}); console.log('held');`,
    ]);
    await new Promise((held) => holder.stdout.once('data', held));
    let owner = '';
    const lock = takeLock(file, (text) => {
      owner = text;
      holder.kill('SIGKILL');
    });
    await (await lock).release();
    expect(owner).to.equal(String(holder.pid));
    expect(readFileSync(file, 'utf8').trim()).to.equal(String(process.pid));
  });
});
