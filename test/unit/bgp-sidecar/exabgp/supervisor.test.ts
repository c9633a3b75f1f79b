import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import type { ExabgpRun } from '../../../../bgp-sidecar/exabgp/process.ts';
import { superviseExabgp } from '../../../../bgp-sidecar/exabgp/supervisor.ts';
import { waitFor } from '../../../../lab/wait.ts';

const run: ExabgpRun = {
  pid: 1,
  ended: new Promise(() => undefined),
  reload: () => undefined,
  end: () => Promise.resolve(),
  killHelpers: () => undefined,
};

describe("ExaBGP's supervisor", () => {
  it('a start that fails at once, for want of memory or leave, is told and tried again', async () => {
    const told: string[] = [];
    let failures = 2;
    const supervisor = superviseExabgp({
      begin() {
        if (failures-- > 0) throw new Error('spawn ENOMEM');
        return run;
      },
      onStart: ({ pid }) => told.push(`started ${pid}`),
      onEnd: ({ how, asked, delayMs }) => told.push(`${how}, ${asked ? 'asked' : 'unasked'}, ${delayMs} ms`),
    });
    supervisor.start();
    expect(supervisor.run).to.equal(undefined);
    await waitFor('a start', () => supervisor.run === run || { notYet: told.join('; ') });
    expect(told).to.deep.equal([
      'could not be started (spawn ENOMEM), unasked, 100 ms',
      'could not be started (spawn ENOMEM), unasked, 300 ms',
      'started 1',
    ]);
  });

  it('a process without file descriptors to give sees its end, not an exception', () => {
    const module = new URL('../../../../bgp-sidecar/exabgp/process.ts', import.meta.url).href;
    const script = `
      import { closeSync, openSync } from 'node:fs';
      import { runExabgp } from '${module}';
      const open = [];
      try { for (;;) open.push(openSync('/dev/null')); } catch {}
      const run = runExabgp({ program: '/bin/true', configFile: '/nonexistent', env: {}, log: {}, onLine() {} });
      for (const fd of open) closeSync(fd);
      console.log(await run.ended);
    `;
    const words = [process.execPath, '--input-type=module', '-e', script];
    const output = execFileSync('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...words], {
      encoding: 'utf8',
    });
    expect(output).to.match(/^could not be started \(spawn .*EMFILE\)/);
  });
});
