// node lab/cluster/tools/main.ts: builds the programs of the cluster where they are missing.
import { readCacheDir } from '../../setup/config.ts';
import { createRunner } from '../../setup/runner.ts';
import { SetUpFailure } from '../../setup/steps.ts';
import { goBuildStep, programFolder } from './go-build.ts';
import { allPrograms } from './programs.ts';

const cacheDir = readCacheDir();
try {
  const runner = createRunner(cacheDir, (text) => void process.stdout.write(text));
  // One by one, so that another set-up gets its turn between them.
  for (const programs of allPrograms) await runner.run([goBuildStep(cacheDir, programs)]);
  console.log(programFolder(cacheDir));
} catch (error) {
  if (!(error instanceof SetUpFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
