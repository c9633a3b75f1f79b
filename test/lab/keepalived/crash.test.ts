import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { commandLine, eventually, Station, until } from './station.ts';

const two = { 1: [{ address: '10.9.0.1' }, { address: '10.9.0.2', weight: 3 }] };
const rules = ['1 10.9.0.1:8080 1', '1 10.9.0.2:8080 3'];

describe('keepalived dies', function () {
  this.timeout(120_000);
  let station: Station;
  beforeEach(async () => {
    station = new Station();
    for (const address of ['10.9.0.1', '10.9.0.2']) await station.listen(address);
  });
  afterEach(() => station.close());

  const checkerPid = () => Number(readFileSync(join(station.runDir, 'checkers.pid'), 'utf8'));

  it('SIGKILL of the parent: rules stay, it is started again and reloads work', async () => {
    await station.apply(two);
    const pid = station.keepalived.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await eventually(() => expect(station.keepalived.restarts).to.equal(1));
    expect(station.kernel()).to.deep.equal(rules);
    await until('a new parent', () => (station.keepalived.pid ?? pid) !== pid);
    expect(await station.keepalived.reload()).to.include({ kind: 'loaded' });
    expect(station.kernel()).to.deep.equal(rules);
    await station.unlisten('10.9.0.2');
    await eventually(() => expect(station.kernel()).to.deep.equal(rules.slice(0, 1)));
    expect(station.log.find(({ event }) => event === 'keepalived-died')?.level).to.equal('error');
  });

  it('SIGKILL of the checker: rules stay, keepalived starts it again and reloads work', async () => {
    await station.apply(two);
    process.kill(checkerPid(), 'SIGKILL');
    await eventually(() => expect(station.keepalived.checkerRestarts).to.equal(1));
    expect(station.kernel()).to.deep.equal(rules);
    await station.apply({ 1: two[1].slice(1) });
    expect(station.kernel()).to.deep.equal(rules.slice(1));
    expect(station.keepalived.restarts).to.equal(0);
  });

  for (const which of ['parent', 'checker'] as const)
    it(`a ${which} that hangs: found at a reload, killed and started again; rules stay`, async () => {
      await station.apply(two);
      const quick = station.supervise({ deadlineMs: 1_500 });
      await station.keepalived.stop();
      await quick.start();
      try {
        const { pid = 0 } = quick;
        process.kill(which === 'parent' ? pid : checkerPid(), 'SIGSTOP');
        expect(await quick.reload()).to.include({ kind: 'overdue' });
        await until('another keepalived', () => quick.restarts === 1 && quick.pid !== undefined);
        expect(station.said(/^keepalived hangs \(process \d+\): it is killed$/)).to.have.length(1);
        expect(station.kernel()).to.deep.equal(rules);
        expect(await quick.reload()).to.include({ kind: 'loaded' });
        await station.unlisten('10.9.0.2');
        await eventually(() => expect(station.kernel()).to.deep.equal(rules.slice(0, 1)));
      } finally {
        await quick.stop();
      }
    });

  it('a reload asked for while keepalived waits to start its checker again is taken up once', async () => {
    await station.apply(two);
    for (let death = 1; death <= 2; death++) {
      process.kill(checkerPid(), 'SIGKILL');
      await eventually(() => expect(station.keepalived.checkerRestarts).to.equal(death));
      if (death === 1) await eventually(() => expect(station.said(/^read eventfd/)).to.have.length(1));
    }
    await eventually(() => expect(station.said(/delayed 1 seconds/)).to.have.length(1));
    const outcome = await station.apply({ 1: two[1].slice(0, 1) });
    expect(outcome.kind).to.equal('loaded');
    const namespaced = execFileSync('ip', ['netns', 'pids', station.namespace], { encoding: 'utf8' }).split(
      '\n',
    );
    const daemons = namespaced.filter((pid) => pid && !commandLine(pid).includes('--config-test'));
    const running = daemons.filter((pid) => commandOf(pid) === 'keepalived');
    expect(running, 'parent and checker').to.have.length(2);
  });

  it('what a new keepalived finds in the kernel it believes to be its own: stale weights and servers stay', async () => {
    await station.apply(two);
    await station.keepalived.stop();
    expect(station.kernel(), 'after SIGTERM').to.deep.equal(rules);
    await station.files.commit(
      await station.files.stage(station.render({ 1: [{ address: '10.9.0.1', weight: 7 }] })),
    );
    const again = station.supervise();
    try {
      expect(await again.start()).to.include({ kind: 'loaded' });
      // EEXIST counts as success and nothing is compared: the verify step must mend both by netlink.
      expect(station.kernel()).to.deep.equal(rules);
    } finally {
      await again.stop();
    }
  });

  it('a dead server is put back by a new checker until its check fails again', async () => {
    await station.apply(two);
    await station.unlisten('10.9.0.2');
    await eventually(() => expect(station.kernel()).to.deep.equal(rules.slice(0, 1)));
    process.kill(checkerPid(), 'SIGKILL');
    await eventually(() => expect(station.said(/^Removing service \[10.9.0.2\]/)).to.have.length(2));
    await eventually(() => expect(station.kernel()).to.deep.equal(rules.slice(0, 1)));
    await eventually(() => expect([...station.keepalived.checkedOut()]).to.deep.equal(['1 10.9.0.2:8080']));
  });

  it('SIGKILL of the controller: keepalived goes with it, rules stay, the next one starts', async () => {
    const directory = await station.files.stage(station.render(two));
    await station.files.commit(directory);
    const controller = spawn(process.execPath, [join(import.meta.dirname, 'controller.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        CONFIG: station.files.configFile,
        FIFO: station.fifo,
        PROGRAM: station.program,
        PATH: process.env.PATH,
      },
    });
    await once(controller.stdout, 'data');
    const pids = ['keepalived.pid', 'checkers.pid'].map((name) =>
      readFileSync(join(station.runDir, name), 'utf8').trim(),
    );
    for (const pid of pids) expect(commandOf(pid)).to.equal('keepalived');
    controller.kill('SIGKILL');
    await until('both of keepalived to be gone', () => pids.every((pid) => commandOf(pid) !== 'keepalived'));
    expect(station.kernel()).to.deep.equal(rules);
    expect(await station.keepalived.start()).to.include({ kind: 'loaded' });
    expect(station.kernel()).to.deep.equal(rules);
  });

  it('a notify FIFO that nobody reads does not stop the checks', async () => {
    const directory = await station.files.stage(station.render(two));
    await station.files.commit(directory);
    execFileSync('mkfifo', [station.fifo]);
    const held = openSync(station.fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const pidFiles = [
      '--pid',
      join(station.runDir, 'a.pid'),
      '--checkers_pid',
      join(station.runDir, 'b.pid'),
    ];
    const options = ['--all', '--check', '--no_bfd', '-n', '-I', '-G', ...pidFiles];
    try {
      for (const size of [65536, 4096, 1]) expect(() => fill(held, size)).to.throw('EAGAIN');
      const daemon = spawn(station.program, [...options, '--use-file', station.files.configFile], {
        stdio: 'ignore',
      });
      await eventually(() => expect(station.kernel()).to.deep.equal(rules));
      await station.unlisten('10.9.0.1');
      await eventually(() => expect(station.kernel()).to.deep.equal(rules.slice(1)));
      daemon.kill('SIGTERM');
      await once(daemon, 'exit');
    } finally {
      closeSync(held);
    }
  });

  it('a FIFO that someone removed is opened again after the next reload', async () => {
    await station.apply(two);
    execFileSync('rm', [station.fifo]);
    await station.keepalived.reload();
    await eventually(() => expect(existsSync(station.fifo)).to.equal(true));
    await station.keepalived.reload();
    await station.unlisten('10.9.0.1');
    await eventually(() => expect([...station.keepalived.checkedOut()]).to.deep.equal(['1 10.9.0.1:8080']));
  });
});

function fill(fd: number, size: number): never {
  for (;;) writeSync(fd, Buffer.alloc(size, '\n'));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
