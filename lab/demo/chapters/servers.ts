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

/** By the file's time stamp: bringing up servers is not part of the figure. */
function manifestWrittenAtMs({ manifestsDir }: ServiceRole): number {
  return statSync(join(manifestsDir, 'slices.yaml')).mtimeMs;
}

interface Happening {
  readonly what: string;
  /** Weights that the kernel has in the end. */
  readonly weights: readonly number[];
  act(): Promise<unknown>;
}

/** Lets it happen and shows what the LB pod made of it; gives the time from the manifest's change to the kernel. */
async function show(stage: Stage, pod: LbPod, { what, weights: wanted, act }: Happening): Promise<number> {
  const { screen, serviceA } = stage;
  const offset = pod.controller.logText().length;
  await act();
  const expected = `${wanted.toSorted()}`;
  await screen.during(
    what,
    waitFor(
      `${what} in the kernel of ${pod.name}`,
      async () => {
        const seen = `${weights(await pod.ipvs()).toSorted()}`;
        return seen === expected || { notYet: `weights ${seen}, wanted ${expected}` };
      },
      { deadlineMs: 20_000, everyMs: 10 },
    ),
  );
  const lines = await waitFor(`the log line of ${pod.name} about this`, () => {
    const seen = readLog(pod.controller.logText().slice(offset), ['reload', 'check']);
    return seen.length > 0 && seen;
  });
  screen.line(`   ${what}`);
  for (const { text } of lines) screen.line(`     ${text}`);
  screen.block((await pod.ipvs()).split('\n').slice(3).join('\n'));
  // By the line that says so, written once the kernel is verified: ending servers is not part of the figure either.
  return (lines.at(-1)?.atMs ?? Number.NaN) - manifestWrittenAtMs(serviceA);
}

export async function servers(stage: Stage): Promise<void> {
  const { screen, figures, serviceA, lbPods } = stage;
  const [pod] = lbPods;
  if (!pod) throw new Error('no LB pod is left to look at');
  screen.title(4, `Server pods of service ${serviceA.name}: 3 → 8 → 2, one unready, one dead`);
  const ones = (count: number) => Array.from({ length: count }, () => 1);
  const took: number[] = [];
  const scale = async (from: number, to: number) =>
    took.push(
      await show(stage, pod, {
        what: `scaled ${from} → ${to}`,
        weights: ones(to),
        act: () => serviceA.setServers(to),
      }),
    );
  await scale(3, 8);
  await scale(8, 2);
  const [first, second] = serviceA.servers;
  if (!first || !second) throw new Error('two servers were expected');
  took.push(
    await show(stage, pod, {
      what: `${first.name} unready: drained, weight 0`,
      weights: [0, 1],
      act: () => first.setReady('unready'),
    }),
    await show(stage, pod, {
      what: `${first.name} ready again`,
      weights: ones(2),
      act: () => first.setReady('ready'),
    }),
  );
  figures.check(
    'endpoint change → kernel rule',
    took.map(ms).join(', '),
    'each under 2 s',
    took.every((each) => each < 2000),
  );
  const diedAtMs = performance.now();
  await show(stage, pod, {
    what: `${second.name} dead: keepalived's check takes it out`,
    weights: ones(1),
    act: () => second.kill(),
  });
  const deadMs = performance.now() - diedAtMs;
  figures.check(
    'server dead → out of the rules',
    ms(deadMs),
    'delay_loop 5 s and connect_timeout 5 s, and 2 s for the rest: under 12 s',
    deadMs < 12_000,
  );
  await show(stage, pod, { what: `${second.name} back`, weights: ones(2), act: () => second.restart() });
  await serviceA.setServers(3);
}
