import { clusterNow, openCluster } from '../../lab/cluster/cluster.ts';

export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    this.timeout(600_000);
    await openCluster();
  },
  // Kubernetes has to be asked, which takes time that the reporter does not have.
  async afterEach(this: Mocha.Context): Promise<void> {
    if (this.currentTest?.state === 'failed') console.log(await clusterNow()?.explain());
  },
  async afterAll(): Promise<void> {
    await clusterNow()?.close();
  },
};
