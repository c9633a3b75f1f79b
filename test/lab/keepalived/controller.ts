/** A controller of nothing but keepalived, to be killed; says "up" when the rules are in the kernel. */
import { monotonicMs } from '../../../common/clock.ts';
import { superviseKeepalived } from '../../../controller/keepalived/process.ts';
import { recordingLogger } from './station.ts';

const { CONFIG = '', FIFO = '', PROGRAM = '' } = process.env;
const keepalived = superviseKeepalived({
  configFile: CONFIG,
  fifo: FIFO,
  program: PROGRAM,
  log: recordingLogger([]),
  nowMs: monotonicMs,
});
const outcome = await keepalived.start();
console.log(outcome.kind === 'loaded' ? 'up' : outcome.kind);
