// The lab's command line on the machine: see usage.
import { look } from './commands/look.ts';
import { runShow } from './commands/show.ts';
import { runTests, testUsage } from './commands/test.ts';
import { SetUpFailure } from './setup/steps.ts';

const usage = `usage: node lab/main.ts COMMAND
  demo [--keep]               build the data centre, show the main job, check every figure
  ${testUsage}
  bench                       measure; figures as text and JSON
of a lab left running by demo --keep:
  ls                          roles, addresses, programs
  exec ROLE COMMAND…          a command in the role's network (ROLE.CONTAINER: in the container)
  logs ROLE [-f]              what a role wrote
  down                        end it`;

const [command = '', ...args] = process.argv.slice(2);
try {
  process.exitCode = await run();
} catch (error) {
  if (!(error instanceof SetUpFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function run(): Promise<number> {
  if (command === 'demo' || command === 'bench') return runShow(command, args);
  if (command === 'test') return runTests(args);
  if (['ls', 'exec', 'logs', 'down'].includes(command)) return look(command, args);
  console.error(usage);
  return command === 'help' || command === '--help' ? 0 : 2;
}
