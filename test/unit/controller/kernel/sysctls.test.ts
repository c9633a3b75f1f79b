import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { problems } from '../../../../controller/kernel/errors.ts';
import { ensureSysctls, natSysctls } from '../../../../controller/kernel/sysctls.ts';

describe('kernel: sysctls', () => {
  let directory: string;
  const fileOf = (name: string) => join(directory, ...name.split('.'));

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sysctls-'));
    for (const { name, value } of natSysctls) {
      mkdirSync(join(fileOf(name), '..'), { recursive: true });
      writeFileSync(fileOf(name), `${value}\n`);
    }
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('that are as wanted are left alone', async () => {
    expect(await ensureSysctls(natSysctls, directory)).to.deep.equal({
      changed: [],
      problems: [],
      advice: [],
    });
  });

  it('that differ are set, and told with what they were', async () => {
    writeFileSync(fileOf('net.ipv4.vs.conntrack'), '0\n');
    const { changed } = await ensureSysctls(natSysctls, directory);
    expect(changed).to.deep.equal(['sysctl net.ipv4.vs.conntrack was 0: set to 1']);
    expect(readFileSync(fileOf('net.ipv4.vs.conntrack'), 'utf8')).to.equal('1');
  });

  it('that the kernel lacks are problems where required and advice where not', async () => {
    rmSync(fileOf('net.ipv4.vs.conntrack'));
    rmSync(fileOf('net.ipv4.vs.conn_reuse_mode'));
    const result = await ensureSysctls(natSysctls, directory);
    expect(result.problems.map(({ message }) => message)).to.have.length(1);
    expect(result.problems[0]?.message).to.match(
      /^Required sysctls .*net\.ipv4\.vs\.conntrack: load the module/,
    );
    expect(result.advice[0]?.message).to.match(/^Advised sysctls .*conn_reuse_mode/);
  });

  it('that may not be written are told with the lines that a person can copy', () => {
    const wanted = [{ name: 'net.ipv4.ip_forward', value: '1' }];
    const { message } = problems.SYSCTL_READ_ONLY('Required', ['net.ipv4.ip_forward is 0'], wanted);
    expect(message)
      .to.contain('Required sysctls of the pod are not as wanted (net.ipv4.ip_forward is 0)')
      .and.to.contain('`sysctl -w net.ipv4.ip_forward=1`')
      .and.to.contain('securityContext.sysctls: [{name: net.ipv4.ip_forward, value: "1"}]')
      .and.to.contain('--allowed-unsafe-sysctls=net.ipv4.ip_forward');
  });
});
