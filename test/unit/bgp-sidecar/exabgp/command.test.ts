import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
});
