import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { openLab } from '../../lab/lab.ts';
import { listNamespaces } from '../../lab/network/namespaces.ts';
import { waitFor } from '../../lab/wait.ts';

/** A lab of another process: says its run id and the pids of its programs, then waits for its end. */
const program = `
import { openLab } from '${new URL('../../lab/lab.ts', import.meta.url).pathname}';
const lab = await openLab();
await lab.addDataCentre({ nodes: 1 });
const pids = lab.describe().flatMap((role) => Object.values(role.processes).map(({ pid }) => pid));
console.log(JSON.stringify({ runId: lab.runId, pids: pids.filter((pid) => pid > 0) }));
setInterval(() => {}, 1000);`;

describe('a lab whose process crashes', () => {
  it('is swept away by the next one: namespaces, processes, files', async () => {
    const owner = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: owner.stdout }).once('line', resolve);
      owner.once('exit', (code) => reject(new Error(`the other lab ended with ${code}`)));
    });
    const { runId, pids }: { runId: string; pids: number[] } = JSON.parse(line);
    expect(pids).to.have.length.greaterThan(2);
    owner.kill('SIGKILL');
    await new Promise((ended) => owner.once('close', ended));
    expect(listNamespaces(`plb-${runId}-`)).to.have.length.greaterThan(4);

    const lab = await openLab();
    expect(listNamespaces(`plb-${runId}-`)).to.deep.equal([]);
    expect(existsSync(`/run/portable-lb-lab/${runId}`)).to.equal(false);
    await waitFor('its programs to be gone', () => {
      const left = pids.filter((pid) => existsSync(`/proc/${pid}`));
      return left.length === 0 || { notYet: `pids ${left.join(', ')}` };
    });
    await lab.close();
    expect(listNamespaces('plb-')).to.deep.equal([]);
  });
});
