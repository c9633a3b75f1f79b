/**
 * Capacity: each LB pod's link is limited, and 1, 2, 3, 4 LB pods carry that many times as much. The limit is
 * chosen by what this kernel forwards without one, so that four links together stay below half of that.
 */
import type { LbPod } from '../../lab.ts';
import { percent } from '../figures.ts';
import { addLbPod, type Stage } from '../stage.ts';

const bodyBytes = 100;
const most = 4;
/** The thesis' byte model (Table 6.6): wire bytes of one keep-alive request, both directions, beside the body. */
const overheadBytes = 665.36;
const seconds = 5;
/** Each is made anew after 100 requests, from another port: enough that every link is filled, few enough that its queue is not. */
const connections = 48;

/** Requests per second that a link of this rate carries at most, by the thesis' model. */
export function theoryRps(rateBits: number): number {
  return rateBits / 8 / (bodyBytes + overheadBytes);
}

/** Link rate (bits/s, whole 10 kbit) at which `most` links carry half of what the kernel forwards. */
export function chooseRate(unlimitedRps: number): number {
  const bits = (unlimitedRps / 2 / most) * 8 * (bodyBytes + overheadBytes);
  return Math.max(10_000, Math.floor(bits / 10_000) * 10_000);
}

export async function capacity(stage: Stage): Promise<void> {
  const { screen, figures, client, router, serviceA, lbPods, nodes } = stage;
  const [prefix = ''] = serviceA.prefixes;
  screen.title(6, 'Capacity: throughput with 1, 2, 3, 4 LB pods, each behind a limited link');
  await addLbPod(stage, nodes[3]);
  await screen.during('a fourth LB pod starts', router.waitForNextHops(prefix, most, 90_000));
  const url = serviceA.url(2, { path: `/bytes/${bodyBytes}` });
  const measure = (forSeconds: number) => client.wrk({ url, connections, threads: 1, seconds: forSeconds });
  const unlimited = await screen.during('unlimited', measure(3));
  const rateBits = chooseRate(unlimited.requestsPerSecond);
  const one = theoryRps(rateBits);
  screen.line(
    `   unlimited: ${Math.round(unlimited.requestsPerSecond)} requests/s; so each link gets ${(rateBits / 1e6).toFixed(2)} Mbit/s, theory ${Math.round(one)} requests/s`,
  );
  await Promise.all(lbPods.map((pod) => pod.limitLink(`${rateBits}bit`)));
  const carried: number[] = [];
  for (let count = most; count >= 1; count -= 1) {
    if (lbPods.length > count) await takeAway(stage, lbPods.length - count);
    const { requestsPerSecond } = await screen.during(`${count} LB pods`, measure(seconds));
    carried[count] = requestsPerSecond;
  }
  for (let count = 1; count <= most; count += 1) {
    const rps = carried[count] ?? 0;
    const theory = one * count;
    const bar = '█'.repeat(Math.round((rps / (one * most)) * 48));
    const mark = '│'.padStart(Math.max(1, Math.round(count * 12) - bar.length + 1));
    screen.line(`   ${count} LB pods ${bar}${mark} ${Math.round(rps)} of ${Math.round(theory)}`);
    figures.check(
      `throughput with ${count} LB pods`,
      `${Math.round(rps)} requests/s, ${percent(rps / theory)} of theory`,
      'at least 95 %',
      rps >= 0.95 * theory,
      `1 : ${['1', '2.00', '3.01', '3.90'][count - 1]}`,
    );
  }
}

/** The newest LB pods go, without waiting for connections: there is no load now. */
async function takeAway({ lbPods, router, serviceA, screen }: Stage, count: number): Promise<void> {
  const [prefix = ''] = serviceA.prefixes;
  const leaving: LbPod[] = lbPods.splice(-count);
  await screen.during(`${count} fewer`, Promise.all(leaving.map((pod) => pod.terminate())));
  await router.waitForNextHops(prefix, lbPods.length, 20_000);
}
