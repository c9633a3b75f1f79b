// The lab's command line on the machine: see usage.
import { look } from './commands/look.ts';
import { runShow } from './commands/show.ts';
import { runTests, testUsage } from './commands/test.ts';
import { SetUpFailure } from './setup/steps.ts';

const usage = `usage: npm run lab -- COMMAND
  demo [--keep]               build the data centre, show the main job, check every figure
  ${testUsage}
  bench                       measure; figures as text and JSON
of a lab left running by demo --keep:
  ls                          roles, addresses, programs
  exec ROLE COMMAND…          a command in the role's network (ROLE.CONTAINER: in the container)
  logs ROLE [-f]              what a role wrote
  down                        end it`;

const [command = '', ...args] = process.argv.slice(2);
const looks = ['ls', 'exec', 'logs', 'down'];
// `… | head`: whoever reads no more is not told of it by a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(looks.includes(command) ? 0 : 141);
});
try {
  process.exitCode = await run();
} catch (error) {
  const { code = '' } = error as NodeJS.ErrnoException;
  const isMistyped = code.startsWith('ERR_PARSE_ARGS');
  if (!isMistyped && !(error instanceof SetUpFailure)) throw error;
  console.error((error as Error).message);
  if (isMistyped) console.error(usage);
  process.exitCode = isMistyped ? 2 : 1;
}

async function run(): Promise<number> {
  if (command === 'demo' || command === 'bench') return runShow(command, args);
  if (command === 'test') return runTests(args);
  if (looks.includes(command)) return look(command, args);
  console.error(usage);
  return command === 'help' || command === '--help' ? 0 : 2;
}
