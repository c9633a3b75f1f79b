import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createLogger } from '../../../../common/log.ts';
import { waitFor } from '../../../../lab/wait.ts';
import { type KernelEvent, listenToKernel } from '../../../../node-router/routes/events.ts';

describe('node router: the kernel’s word of changes', () => {
  let events: KernelEvent[];
  let lines: string[];
  let listener: { close(): void } | undefined;
  let directory: string;
  beforeEach(() => {
    events = [];
    lines = [];
    directory = mkdtempSync(join(tmpdir(), 'kernel-events-'));
  });
  afterEach(() => {
    listener?.close();
    rmSync(directory, { recursive: true });
  });

  const log = createLogger({
    program: 'node-router',
    format: 'json',
    stream: { write: (line) => lines.push(line) },
  });
  const listen = (...command: string[]) => {
    const onEvent = (event: KernelEvent) => events.push(event);
    listener = listenToKernel({ log, nowMs: () => performance.now(), onEvent }, command);
  };
  const told = () => lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  const count = (kind: KernelEvent['kind']) => events.filter((event) => event.kind === kind).length;
  const sees = (kind: KernelEvent['kind'], times: number) =>
    waitFor(`${times} × ${kind}`, () => count(kind) >= times || { notYet: JSON.stringify(events) });

  it('reads what ip monitor prints: links, and routes with their prefix and who made them', async () => {
    const printed = [
      '3: v1@NONE: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group 0 \\    link/[1] 06:62:7c:54:f7:ee ',
      'Deleted 2: b0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group 0 \\    link/[1] 6e:db:93:d0:96:b3 ',
      '203.0.113.0/28 proto 142 \\\tnexthop via 10.1.1.2 dev b0 weight 1 \\\tnexthop via 10.1.1.3 dev b0 weight 1 ',
      'Deleted 6 203.0.113.0/28 proto 142 metric 4294967295 ',
      '203.0.113.1 via 10.1.1.2 dev b0 ',
      'Deleted 2 10.1.1.1 dev b0 table 255 proto 2 scope 254 src 10.1.1.1 ',
      'default via 10.1.1.2 dev b0 ',
      'what is that?',
    ];
    listen('sh', '-c', 'printf "%s\\n" "$@"; exec sleep 60', '-', ...printed);
    await sees('unknown', 1);
    expect(events.slice(0, printed.length)).to.deep.equal([
      { kind: 'link' },
      { kind: 'link' },
      { kind: 'route', prefix: '203.0.113.0/28', protocol: 142 },
      { kind: 'route', prefix: '203.0.113.0/28', protocol: 142 },
      { kind: 'route', prefix: '203.0.113.1/32', protocol: undefined },
      { kind: 'route', prefix: '10.1.1.1/32', protocol: 2 },
      { kind: 'route', prefix: '0.0.0.0/0', protocol: undefined },
      { kind: 'unknown' },
    ]);
  });

  it('starts ip monitor anew when it has missed some, has all looked at anew, and says so once', async () => {
    const missed = 'netlink receive error No buffer space available (105)';
    // until its socket is read empty it drops more, and says nothing of that
    const twice = `echo >> ${join(directory, 'runs')}; [ $(wc -l < ${join(directory, 'runs')}) -gt 2 ] || echo "${missed}" >&2`;
    listen('sh', '-c', `echo "2: eth0: <UP>"; ${twice}; exec sleep 60`);
    await sees('unknown', 1);
    expect(count('link')).to.equal(3);
    expect(told()).to.have.length(1);
    expect(told()[0]).to.include(missed).and.include('all are looked at anew');
  });

  it('starts it anew when it ends, has all looked at anew once it listens, and says once why it ended', async () => {
    listen('sh', '-c', 'echo "2: eth0: <UP>"; echo words >&2; sleep 0.3; exit 3');
    await sees('link', 2);
    await sees('unknown', 2);
    expect(told()).to.have.length(1);
    expect(told()[0]).to.include('does not go on (exit code 3: words)');
  });

  it('goes on trying where it cannot be started', async () => {
    const command = join(directory, 'ip');
    listen(command, 'monitor');
    await waitFor('a line', () => lines.length > 0);
    expect(told()[0]).to.include(`"${command} monitor"`).and.include('ENOENT');
    writeFileSync(command, '#!/bin/sh\necho "2: eth0: <UP>"\nexec sleep 60\n', { mode: 0o755 });
    await sees('link', 1);
    await sees('unknown', 1);
    expect(told()).to.have.length(1);
  });

  it('is silent when it is closed', async () => {
    listen('sh', '-c', 'while sleep 0.01; do echo "2: eth0: <UP>"; done');
    await sees('link', 1);
    listener?.close();
    const before = events.length;
    await sleep(400);
    expect(events).to.have.length(before);
    expect(lines).to.deep.equal([]);
  });
});
