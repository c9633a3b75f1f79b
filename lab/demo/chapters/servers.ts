/** Server pods come, go, turn unready and die: the log lines, the rules after each, and how long it took. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { LbPod, ServiceRole } from '../../lab.ts';
import { waitFor } from '../../wait.ts';
import { ms } from '../figures.ts';
import { readLog } from '../log-lines.ts';
import type { Stage } from '../stage.ts';

/** Weight of each server as the kernel has it. */
export function weights(listing: string): number[] {
  return [...listing.matchAll(/-> [\d.]+:\d+\s+Masq\s+(\d+)/g)].map(([, weight]) => Number(weight));
}

/** By the file's time stamp: bringing up or ending servers is not part of the figure. */
function manifestWrittenAtMs({ manifestsDir }: ServiceRole): number {
  return statSync(join(manifestsDir, 'slices.yaml')).mtimeMs - performance.timeOrigin;
}

async function change(stage: Stage, what: string, pod: LbPod, wanted: number[], act: () => Promise<unknown>) {
  const { screen, serviceA } = stage;
  const offset = pod.controller.logText().length;
  await act();
  const expected = `${[...wanted].sort()}`;
  await screen.during(
    what,
    waitFor(
      `${what} in the kernel of ${pod.name}`,
      async () => {
        const seen = `${weights(await pod.ipvs()).sort()}`;
        return seen === expected || { notYet: `weights ${seen}, wanted ${expected}` };
      },
      { deadlineMs: 20_000, everyMs: 10 },
    ),
  );
  const tookMs = performance.now() - manifestWrittenAtMs(serviceA);
  screen.line(`   ${what}`);
  for (const line of readLog(pod.controller.logText().slice(offset), ['reload', 'check']))
    screen.line(`     ${line}`);
  screen.block((await pod.ipvs()).split('\n').slice(3).join('\n'));
  return tookMs;
}

export async function servers(stage: Stage): Promise<void> {
  const { screen, figures, serviceA, lbPods } = stage;
  const [pod] = lbPods;
  if (!pod) throw new Error('no LB pod is left to look at');
  screen.title(4, `Server pods of service ${serviceA.name}: 3 → 8 → 2, one unready, one dead`);
  const ones = (count: number) => Array.from({ length: count }, () => 1);
  await change(stage, 'scaled 3 → 8', pod, ones(8), () => serviceA.setServers(8));
  await change(stage, 'scaled 8 → 2', pod, ones(2), () => serviceA.setServers(2));
  const [first, second] = serviceA.servers;
  if (!first || !second) throw new Error('two servers were expected');
  const unreadyMs = await change(stage, `${first.name} unready: drained, weight 0`, pod, [0, 1], () =>
    first.setReady('unready'),
  );
  const readyMs = await change(stage, `${first.name} ready again`, pod, ones(2), () =>
    first.setReady('ready'),
  );
  figures.check(
    'endpoint change → kernel rule',
    `${ms(unreadyMs)} and ${ms(readyMs)}`,
    'under 1 s',
    Math.max(unreadyMs, readyMs) < 1000,
    '–',
  );
  const diedAtMs = performance.now();
  await change(stage, `${second.name} dead: keepalived's check takes it out`, pod, ones(1), () =>
    second.kill(),
  );
  const deadMs = performance.now() - diedAtMs;
  figures.check(
    'server dead → out of the rules',
    ms(deadMs),
    'delay_loop 5 s and connect_timeout 5 s: 10 s',
    deadMs < 12_000,
  );
  await change(stage, `${second.name} back`, pod, ones(2), () => second.restart());
  await serviceA.setServers(3);
}
