import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { exabgpCommand } from '../../../../bgp-sidecar/exabgp/command.ts';

describe("ExaBGP's command line", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'exabgp-command-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const program = (name: string, firstLine: string) => {
    const file = join(directory, name);
    writeFileSync(file, `${firstLine}\n`);
    chmodSync(file, 0o755);
    return file;
  };

  it('is that of its own program where this is no Python', () => {
    const file = program('exabgp', '#!/bin/sh');
    expect(exabgpCommand(file, '/run/exabgp.conf')).to.deep.equal([
      file,
      '--env',
      '/nonexistent',
      '/run/exabgp.conf',
    ]);
    expect(exabgpCommand('/nonexistent/exabgp', 'c')[0]).to.equal('/nonexistent/exabgp');
  });

  it('goes past its slow reading of options where it is Python, by the interpreter that it names', () => {
    const file = program('exabgp', '#!/usr/bin/python3');
    const [python, option, script, ...rest] = exabgpCommand('exabgp', '/run/exabgp.conf', directory);
    expect([python, option]).to.deep.equal(['/usr/bin/python3', '-c']);
    expect(rest).to.deep.equal([file, '--env', '/nonexistent', '/run/exabgp.conf']);
    expect(script, 'one line for ps').not.to.contain('\n');
  });

  it('binds its life to that of the sidecar where setpriv is there', () => {
    const setpriv = program('setpriv', '#!/bin/sh');
    expect(exabgpCommand('/nonexistent/exabgp', 'c', directory).slice(0, 3)).to.deep.equal([
      setpriv,
      '--pdeathsig',
      'KILL',
    ]);
  });

  describe('where it is Python', () => {
    const python = '/usr/bin/python3';
    before(function () {
      if (!existsSync(python)) this.skip();
    });

    const write = (name: string, text: string) => {
      const file = join(directory, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    };
    /** What the start prints, with the modules of `modules` before those of the system. */
    const start = (modules: string, cwd = '/') => {
      const own = program('exabgp', `#!${python}\nprint("its own program")`);
      const [first = '', ...rest] = exabgpCommand(own, '/run/exabgp.conf');
      return execFileSync(first, rest, {
        cwd,
        env: { PYTHONPATH: join(directory, modules), PYTHONDONTWRITEBYTECODE: '1' },
        encoding: 'utf8',
      }).trim();
    };

    it('starts by its own program when this is a version without the names that it needs', () => {
      write('other/exabgp/__init__.py', '');
      expect(start('other')).to.equal('its own program');
      write('other/exabgp/vendoring/docopt.py', '');
      write('other/exabgp/reactor/peer.py', 'class Peer: pass');
      write('other/exabgp/application.py', 'def run_exabgp(): print("4.2")');
      expect(start('other'), 'its peers are others').to.equal('4.2');
    });

    it('imports nothing from the working directory', () => {
      write('other/exabgp/__init__.py', '');
      write('cwd/exabgp.py', 'print("from the working directory")');
      expect(start('other', join(directory, 'cwd'))).to.equal('its own program');
    });

    describe('and ExaBGP 4.2', () => {
      before(function () {
        if (!existsSync('/usr/lib/python3/dist-packages/exabgp/reactor/delay.py')) this.skip();
      });

      /** Seconds until the next attempt after each of these ends of a session or attempt. */
      const waits = (...ends: { why: string; lastedSeconds?: number }[]) => {
        const script = `
import exabgp.application, json, time
def report():
    from exabgp.reactor.peer import Delay, Peer
    time.time = lambda: 1000
    class Fsm:
        def change(self, state): pass
    peer = Peer.__new__(Peer)
    peer.fsm, peer.proto, peer._restart, peer._delay, peer.stats = Fsm(), None, False, Delay(), {'creation': 0}
    waits = []
    for end in json.loads('${JSON.stringify(ends)}'):
        lasted = end.get('lastedSeconds')
        peer.stats['complete'] = time.time() - lasted if lasted else 0
        peer._reset(end['why'], 'the error')
        waits.append(peer._delay._time - time.time())
    print(json.dumps(waits))
exabgp.application.run_exabgp = report
`;
        write('report/sitecustomize.py', script);
        return JSON.parse(start('report')) as number[];
      };
      const away = { why: 'closing connection' };
      const refused = { why: 'notification received (2,2)' };

      it('tries a peer that is away at once, after 1 s, then every 2 s, however often that failed', () => {
        expect(waits(...Array(12).fill(away))).to.deep.equal([0, 1, ...Array(10).fill(2)]);
      });

      it('is back after 2 s at most when a session ends that lasted, whatever was before', () => {
        const ended = { why: 'notification received (6,2)', lastedSeconds: 61 };
        expect(waits(...Array(12).fill(refused), ended).at(-1)).to.equal(2);
      });

      it('leaves a peer that refuses, or ends each session soon, in peace for ever longer', () => {
        const longer = [0, 1, 2, 3, 4, 5, 7, 9, 11, 14];
        expect(waits(...Array(10).fill(refused))).to.deep.equal(longer);
        expect(waits(...Array(10).fill({ ...away, lastedSeconds: 3 }))).to.deep.equal(longer);
      });

      it('soon gives up an attempt at a peer that is silent', () => {
        const script = `
import exabgp.application, socket
def report():
    from exabgp.protocol.family import AFI
    from exabgp.reactor.network import outgoing
    print(outgoing.create(AFI.ipv4).getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT))
exabgp.application.run_exabgp = report
`;
        write('report/sitecustomize.py', script);
        expect(start('report')).to.equal('1');
      });
    });
  });
});
