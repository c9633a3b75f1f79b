import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type CheckEvent,
  createCheckBook,
  createLineSplitter,
  openNotifyFifo,
  parseNotifyLine,
} from '../../../../controller/keepalived/notify.ts';

describe('keepalived notify lines', () => {
  const lines: [string, CheckEvent | undefined][] = [
    ['RS [10.0.0.1]:none:8080 FWM 1 DOWN', { mark: 1, address: '10.0.0.1', port: 8080, up: false }],
    ['RS [10.0.0.1]:udp:53 FWM 70000 UP', { mark: 70000, address: '10.0.0.1', port: 53, up: true }],
    ['RS [10.0.0.1]:?:53 FWM 7 UP', { mark: 7, address: '10.0.0.1', port: 53, up: true }],
    ['RS [2001:db8::1]:tcp:80 FWM 2 DOWN', { mark: 2, address: '2001:db8::1', port: 80, up: false }],
    ['VS FWM 1 DOWN', undefined],
    ['RS [10.0.0.1]:tcp:80 [10.0.0.9]:tcp:80 UP', undefined],
    ['0.0.1]:none:8080 FWM 1 DOWN', undefined],
    ['', undefined],
  ];
  for (const [line, event] of lines) {
    it(`"${line}" → ${event ? 'an event' : 'nothing'}`, () =>
      expect(parseNotifyLine(line)).to.deep.equal(event));
  }

  it('puts lines together however they are cut', () => {
    const text = 'RS [10.0.0.1]:none:80 FWM 1 UP\nVS FWM 1 UP\n\nRS';
    for (let size = 1; size <= text.length; size++) {
      const lines: string[] = [];
      const split = createLineSplitter((line) => lines.push(line));
      for (let at = 0; at < text.length; at += size) split(text.slice(at, at + size));
      expect(lines, `cut every ${size}`).to.deep.equal(['RS [10.0.0.1]:none:80 FWM 1 UP', 'VS FWM 1 UP', '']);
    }
  });
});

describe('keepalived check book', () => {
  const event = (host: number, up: boolean) => ({ mark: 1, address: `10.0.0.${host}`, port: 80, up });

  it('holds the last word on each server, and tells what is news', () => {
    const book = createCheckBook();
    expect(book.note(event(1, true))).to.equal(false);
    expect(book.note(event(1, false))).to.equal(true);
    expect(book.note(event(1, false))).to.equal(false);
    expect([...book.out]).to.deep.equal(['1 10.0.0.1:80']);
    expect(book.note(event(1, true))).to.equal(true);
    expect([...book.out]).to.deep.equal([]);
  });

  it('what a dead checker took out stays out until the next one is at work, whose own word counts', () => {
    const book = createCheckBook();
    for (const host of [1, 2]) book.note(event(host, false));
    book.inherit();
    expect([...book.out]).to.deep.equal(['1 10.0.0.1:80', '1 10.0.0.2:80']);
    book.note(event(2, true));
    book.note(event(2, false));
    book.forgetInherited();
    expect([...book.out]).to.deep.equal(['1 10.0.0.2:80']);
    book.forgetInherited();
    expect([...book.out]).to.deep.equal(['1 10.0.0.2:80']);
  });

  it('forgets servers that are not configured', () => {
    const book = createCheckBook();
    for (const host of [1, 2, 3]) book.note(event(host, false));
    book.keepOnly(new Set(['1 10.0.0.2:80', '1 10.0.0.9:80']));
    expect([...book.out]).to.deep.equal(['1 10.0.0.2:80']);
  });
});

describe('keepalived notify FIFO', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'notify-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const write = (path: string, text: string) => {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(fd, text);
    closeSync(fd);
  };

  it('reads across writers that come and go, also lines cut in two, and drains at once', async () => {
    const path = join(directory, 'fifo');
    const events: CheckEvent[] = [];
    const fifo = await openNotifyFifo(path, (event) => events.push(event));
    write(path, 'RS [10.0.0.1]:none:80 FWM 1 UP\nRS [10.0');
    fifo.drain();
    expect(events).to.have.length(1);
    write(path, '.0.2]:none:80 FWM 1 DOWN\n');
    const deadline = Date.now() + 2000;
    while (events.length < 2 && Date.now() < deadline) await new Promise(setImmediate);
    expect(events[1]).to.deep.equal({ mark: 1, address: '10.0.0.2', port: 80, up: false });
    expect(await fifo.isInPlace()).to.equal(true);
    rmSync(path);
    expect(await fifo.isInPlace()).to.equal(false);
    fifo.close();
  });

  it('takes the place of a plain file, and names a place where none can be made', async () => {
    const path = join(directory, 'fifo');
    writeFileSync(path, 'RS [10.0.0.1]:none:80 FWM 1 UP\n');
    (await openNotifyFifo(path, () => undefined)).close();
    const nowhere = join(directory, 'absent', 'fifo');
    const problem = await openNotifyFifo(nowhere, () => undefined).catch((error) => error);
    expect(problem.code).to.equal('NOTIFY_FIFO');
    expect(problem.message).to.contain(nowhere);
    expect(existsSync(nowhere)).to.equal(false);
  });
});
