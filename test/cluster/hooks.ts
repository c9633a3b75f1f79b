import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterNow, openCluster } from '../../lab/cluster/cluster.ts';

let failures = 0;

export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    this.timeout(600_000);
    await openCluster({ log: console.log });
  },
  // Kubernetes has to be asked, which takes time that the reporter does not have.
  async afterEach(this: Mocha.Context): Promise<void> {
    const cluster = clusterNow();
    if (this.currentTest?.state !== 'failed' || cluster === undefined) return;
    const file = join(cluster.runDir, `failure-${++failures}.txt`);
    const { digest, logs } = await cluster.explain();
    writeFileSync(file, `${this.currentTest.fullTitle()}\n${digest}\n${logs}`);
    console.log(`${digest}\n      logs of all nodes at that moment: ${file}`);
  },
  async afterAll(): Promise<void> {
    await clusterNow()?.close();
  },
};
