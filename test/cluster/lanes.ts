// node test/cluster/lanes.ts PLAN.json: starts the cluster, installs what all tests share, and runs mocha: lanes beside
// each other, then what wants the cluster for itself. Counts and exit codes go to files; runs where LAB_RUN says.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { openCluster } from '../../lab/cluster/cluster.ts';
import { openSite } from './site.ts';

interface Lane {
  /** Of node. */
  args: string[];
  /** Where its exit code goes. */
  codeFile: string;
}

const [planFile = ''] = process.argv.slice(2);
const { lanes, alone }: { lanes: Lane[]; alone: Lane[] } = JSON.parse(readFileSync(planFile, 'utf8'));

const cluster = await openCluster({ log: console.log });
await openSite();
await Promise.all(lanes.map(run));
for (const lane of alone) await run(lane);
await cluster.close();

async function run({ args, codeFile }: Lane): Promise<void> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
  writeFileSync(codeFile, String(code));
}
