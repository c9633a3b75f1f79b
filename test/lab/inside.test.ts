/** What a person looks with into a lab that goes on: `npm run lab -- ls`, `exec`, `logs`; and what is told when a test fails. */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DataCentre, openLab, waitFor } from '../../lab/lab.ts';
import { logTails } from '../../lab/log-tails.ts';
import type { LabLbPod } from '../../lab/roles/lb-pod.ts';

const program = join(import.meta.dirname, '../../lab/inside.ts');

function inside(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('a look into the lab', () => {
  let lab: DataCentre;
  let lb: LabLbPod;

  before(async () => {
    lab = await openLab({ restartDelayMs: 200 });
    await lab.addDataCentre({ nodes: 1 });
    const service = lab.service({
      name: 'a',
      prefixes: ['203.0.113.0/28'],
      ports: [{ port: 80, targetPort: 8080 }],
    });
    lb = await lab.addLbPod({ service });
    await waitFor('both containers', () => lb.controller.pid !== 0 && lb.sidecar.pid !== 0);
  });
  after(() => lab.close());

  const row = (name: string) =>
    inside('ls')
      .stdout.split('\n')
      .find((line) => line.startsWith(`${name} `)) ?? '';

  it('ls: every role with its kind, addresses and programs, by the pids that they have now', async () => {
    for (const { name, kind, addresses } of lab.describe())
      expect(row(name), name).to.match(new RegExp(`^${name} +${kind} +${addresses.join(' ')}`));
    const before = lb.controller.pid;
    expect(row(lb.name)).to.include(`controller ${before}`).and.include(`sidecar ${lb.sidecar.pid}`);
    await lb.controller.kill();
    await waitFor('another first process', () => ![0, before].includes(lb.controller.pid));
    expect(row(lb.name)).to.include(`controller ${lb.controller.pid}`);
    lb.controller.keepDead();
    await lb.controller.kill();
    expect(row(lb.name)).to.include('controller (dead)').and.include(`sidecar ${lb.sidecar.pid}`);
    expect(inside('exec', `${lb.name}.controller`, 'true')).to.include({
      status: 1,
      stderr: `${lb.name}.controller does not run now\n`,
    });
  });

  it('a container that dies again and again is started after a pause that doubles', async () => {
    lb.controller.revive();
    await waitFor('the first process', () => lb.controller.pid !== 0);
    const from = lb.controller.logText().length;
    await lb.controller.kill();
    await waitFor('the next one', () => lb.controller.pid !== 0);
    await lb.controller.kill();
    const pauses = [
      ...lb.controller
        .logText()
        .slice(from)
        .matchAll(/ended with 137 .*again in ([\d.]+) s/g),
    ];
    const [first = 0, second = 0] = pauses.map(([, seconds]) => Number(seconds));
    expect(first).to.be.at.least(0.2);
    expect(second).to.equal(2 * first);
  });

  it('exec: a command in the network of a role, or in a container with its mounts; its exit code is the answer', () => {
    const { address } = lb.node;
    expect(inside('exec', 'node-1', 'ip', '-4', 'address').stdout).to.include(address);
    expect(inside('exec', 'router', 'birdc', 'show', 'status').stdout).to.match(/^BIRD .*ready\.\nBIRD/);
    expect(inside('exec', `${lb.name}.sidecar`, 'cat', '/etc/hostname', '/proc/1/comm').stdout).to.match(
      /node|MainThread/,
    );
    expect(inside('exec', lb.name, 'sh', '-c', 'exit 7').status).to.equal(7);
    const nobody = inside('exec', 'nobody', 'true');
    expect(nobody.status).to.equal(1);
    expect(nobody.stderr).to.match(
      /no role nobody; it has .*router.*a-lb-1, a-lb-1\.controller, a-lb-1\.sidecar/,
    );
    expect(inside('exec', 'router').status).to.equal(2);
  });

  it('logs: what a role wrote, and with -f what it writes from then on', async () => {
    expect(inside('logs', `${lb.name}.sidecar`).stdout).to.include('"event":"settings"');
    expect(inside('logs', 'nobody').status).to.equal(1);
    const follower = spawn(process.execPath, [program, 'logs', 'router', '-f'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true, // with its tail, so that both are ended
    });
    let text = '';
    follower.stdout.on('data', (data: Buffer) => {
      text += data;
    });
    try {
      await waitFor('what was written', () => text.includes('Started') || { notYet: text });
      appendFileSync(join(lab.runDir, 'logs', 'router.log'), 'and one line more\n');
      await waitFor('the line', () => text.includes('and one line more') || { notYet: text });
    } finally {
      process.kill(-(follower.pid as number), 'SIGTERM');
    }
  });

  it('the end of each log is what a failing test shows, the newest at the bottom', () => {
    const file = join(lab.runDir, 'logs', 'client.log');
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
    appendFileSync(file, `${lines.join('\n')}\n`);
    const tails = logTails();
    expect(tails).to.match(/a-lb-1\.controller\.log, last of \d+ lines\n/);
    expect(tails.slice(tails.lastIndexOf('---'))).to.match(
      /client\.log, last of \d+ lines\nline 6\n(.*\n)+line 20$/,
    );
  });
});
