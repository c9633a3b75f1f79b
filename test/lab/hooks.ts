import { closeOpenLabs, openLabsNow } from '../../lab/lab.ts';
import { logTails } from '../../lab/log-tails.ts';
import { explainFailures } from '../reporter.ts';

explainFailures(logTails);

export const mochaHooks = {
  async afterAll(): Promise<void> {
    const left = openLabsNow().map((lab) => lab.runId);
    await closeOpenLabs();
    if (left.length > 0) throw new Error(`labs that no test closed: ${left.join(', ')}`);
  },
};
