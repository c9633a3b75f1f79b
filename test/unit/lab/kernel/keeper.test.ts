import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { converse } from '../../../../lab/kernel/conversation.ts';
import { waitFor } from '../../../../lab/wait.ts';

const program = new URL('../../../../lab/kernel/keeper.ts', import.meta.url).pathname;

describe('the keeper of a kernel that is booting', function () {
  this.timeout(30_000);
  let runDir: string;
  let keeper: ChildProcess;
  let ended: Promise<unknown>;

  beforeEach(async () => {
    runDir = mkdtempSync(join(tmpdir(), 'keeper-'));
    mkdirSync(join(runDir, 'boot'));
    // a kernel that never comes up
    const launch = { argv: ['sleep', '3600'], env: {}, bootEnv: {}, serial: false };
    writeFileSync(join(runDir, 'boot/launch.json'), JSON.stringify(launch));
    keeper = spawn(process.execPath, [program, runDir], { stdio: ['pipe', 'inherit', 'inherit'] });
    ended = new Promise((resolve) => keeper.once('exit', resolve));
    await waitFor('the keeper to listen', () => existsSync(join(runDir, 'keeper.sock')));
  });
  afterEach(async () => {
    keeper.kill('SIGKILL');
    await ended;
    rmSync(runDir, { recursive: true });
  });

  const open = () =>
    new Promise<Socket>((resolve, reject) => {
      const front = connect(join(runDir, 'keeper.sock'), () => resolve(front)).once('error', reject);
    });
  const noted = () => readFileSync(join(runDir, 'keeper.log'), 'utf8');

  it('ends it at the first Ctrl-C: nothing runs yet that could end by itself', async () => {
    const interrupt = new AbortController();
    const request = { argv: ['true'], cwd: '/', env: {}, main: true };
    const code = converse(await open(), runDir, request, { abort: interrupt.signal });
    interrupt.abort();
    expect(await code).to.equal(130);
    await ended;
    expect(noted()).to.contain('kernel ended: interrupted as it booted');
  });

  it('ends it with a front end that dies before it has connected', async () => {
    keeper.stdin?.destroy();
    await ended;
    expect(noted()).to.contain('kernel ended: no front end asked for anything');
  });
});
