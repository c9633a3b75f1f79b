// node lab/cluster/inside.ts: starts the cluster and holds it until it is told to end; runs in the surroundings that
// main.ts made for it.
import { detach } from '../kernel/guest.ts';
import { openCluster } from './cluster.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
try {
  await openCluster({ log: (line) => console.log(line) });
  detach(0);
  setInterval(() => {}, 60_000);
} catch (error) {
  console.error(`the cluster does not start: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
