import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { monotonicMs } from '../../../../common/clock.ts';
import { createLogger } from '../../../../common/log.ts';
import { type Keepalived, superviseKeepalived } from '../../../../controller/keepalived/process.ts';
import { type Fake, fakeKeepalived } from './fake.ts';

describe('keepalived process', function () {
  this.timeout(20_000);
  let fake: Fake;
  let keepalived: Keepalived;
  let lines: Record<string, unknown>[];
  let exits: (number | undefined)[];
  afterEach(async () => {
    await keepalived.stop();
    fake.remove();
  });

  const supervise = (script: string, deadlineMs = 2000) => {
    fake = fakeKeepalived(script);
    lines = [];
    exits = [];
    const stream = { write: (line: string) => lines.push(JSON.parse(line)) };
    keepalived = superviseKeepalived({
      configFile: join(fake.directory, 'ipvs.conf'),
      fifo: join(fake.directory, 'fifo'),
      program: fake.program,
      log: createLogger({ program: 'test', level: 'debug', format: 'json', stream }),
      nowMs: monotonicMs,
      deadlineMs,
      onExit: ({ restartInMs }) => exits.push(restartInMs),
    });
    return keepalived;
  };
  const said = (event: string) => lines.filter((line) => line.event === event);
  const until = async (what: string, holds: () => boolean) => {
    const deadlineMs = monotonicMs() + 10_000;
    while (!holds()) {
      if (monotonicMs() > deadlineMs) throw new Error(`waited for ${what}; log: ${JSON.stringify(lines)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  it('starts one that dies at once again, each time later, and says its last words', async () => {
    supervise(
      'echo "IPVS: Can\'t initialize ipvs: No such file or directory" >&2; echo Stopped; exit 1',
      300,
    );
    expect(await keepalived.start()).to.include({ kind: 'overdue' });
    await until('three deaths', () => exits.length >= 3);
    expect(exits.slice(0, 3)).to.deep.equal([100, 200, 400]);
    expect(keepalived.restarts).to.be.at.least(2);
    const [death] = said('keepalived-died');
    expect(death).to.include({ level: 'error', code: 1 });
    expect(death?.msg).to.contain("Can't initialize ipvs").and.to.contain('load the module ip_vs');
  });

  it('tells that the program is missing, and keeps trying', async () => {
    supervise('exit 0', 300);
    fake.remove();
    fake = { ...fakeKeepalived(''), program: '' };
    expect(await keepalived.start()).to.include({ kind: 'overdue' });
    expect(said('keepalived-died').length).to.be.at.least(1);
    expect(String(said('keepalived-died')[0]?.msg)).to.match(/No such file|cannot be started/);
  });

  it('a reload that never ends is overdue; the next request sends SIGHUP again', async () => {
    supervise(
      'n=0; trap "n=\\$((n+1)); echo hup \\$n" HUP; trap "exit 0" TERM; echo "Startup complete"; while :; do sleep 0.05; done',
      300,
    );
    expect(await keepalived.start()).to.include({ kind: 'loaded' });
    expect(await keepalived.reload()).to.include({ kind: 'overdue' });
    expect(await keepalived.reload()).to.include({ kind: 'overdue' });
    expect(lines.filter((line) => line.msg === 'hup 2')).to.have.length(1);
    expect(said('keepalived-overdue')).to.have.length(2);
  });

  it('kills one that ignores SIGTERM', async () => {
    supervise('trap "" TERM; echo "Startup complete"; while :; do sleep 0.05; done');
    await keepalived.start();
    const startedAtMs = monotonicMs();
    await keepalived.stop();
    expect(monotonicMs() - startedAtMs).to.be.within(6000, 12_000);
    expect(keepalived.alive).to.equal(false);
  });

  it('is not misled by the pid file of another process, nor by a torn one', async () => {
    supervise('echo $$ > "$9"; trap "exit 0" TERM; echo "Startup complete"; while :; do sleep 0.05; done');
    writeFileSync(join(fake.directory, 'keepalived.pid'), `${process.pid}\n`);
    writeFileSync(join(fake.directory, 'checkers.pid'), '');
    expect(await keepalived.start()).to.include({ kind: 'loaded' });
    expect(Number(readFileSync(join(fake.directory, 'keepalived.pid'), 'utf8'))).to.equal(keepalived.pid);
  });

  it('a stop leaves nobody waiting and nothing running', async () => {
    supervise('trap "exit 0" TERM; while :; do sleep 0.05; done', 60_000);
    const start = keepalived.start();
    await until('it to run', () => keepalived.pid !== undefined);
    const pid = keepalived.pid ?? 0;
    await keepalived.stop();
    expect((await start).kind).to.equal('overdue');
    expect(() => process.kill(pid, 0)).to.throw('ESRCH');
    expect(exits).to.deep.equal([undefined]);
  });
});
