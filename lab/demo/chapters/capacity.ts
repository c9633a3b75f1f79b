/**
 * Capacity: each LB pod's link is limited, and 1, 2, 3, 4 LB pods carry that many times as much. The limit is
 * chosen by what this kernel forwards without one: four links together carry a third of that, since a machine with
 * other work forwards less at times.
 */
import type { LbPod } from '../../lab.ts';
import { percent } from '../figures.ts';
import { addLbPod, type Stage } from '../stage.ts';

const bodyBytes = 100;
const most = 4;
/** The thesis' byte model (Table 6.6): wire bytes of one keep-alive request, both directions, beside the body. */
const overheadBytes = 665.36;
const seconds = 5;
/**
 * For each LB pod, from many source ports: enough that the hash leaves no link without, few enough that the queue of a
 * link stays short, also at the low rate that a busy machine gets: twelve requests wait half a second at 24 a second,
 * below TCP's first timeout (RFC 6298: 1 s), and fill 5 kB of the queue of 16 kB and more.
 */
const connectionsEach = 12;

/** Requests per second that a link of this rate carries at most, by the thesis' model. */
export function theoryRps(rateBits: number): number {
  return rateBits / 8 / (bodyBytes + overheadBytes);
}

/** Link rate (bits/s, whole 10 kbit) at which `most` links carry a third of what the kernel forwards. */
export function chooseRate(unlimitedRps: number): number {
  const bits = (unlimitedRps / 3 / most) * 8 * (bodyBytes + overheadBytes);
  return Math.max(10_000, Math.floor(bits / 10_000) * 10_000);
}

export async function capacity(stage: Stage): Promise<void> {
  const { screen, figures, client, router, serviceA, lbPods, nodes } = stage;
  const [prefix = ''] = serviceA.prefixes;
  screen.title(6, 'Capacity: throughput with 1, 2, 3, 4 LB pods, each behind a limited link');
  for (const node of nodes) if (!lbPods.some((pod) => pod.node === node)) await addLbPod(stage, node);
  await screen.during('LB pods start on the nodes without', router.waitForNextHops(prefix, most, 90_000));
  const url = serviceA.url(2, { path: `/bytes/${bodyBytes}` });
  const measure = (count: number, forSeconds: number) =>
    client.wrk({ url, connections: count * connectionsEach, threads: 1, seconds: forSeconds });
  const unlimited = await screen.during('unlimited', measure(most, 3));
  const rateBits = chooseRate(unlimited.requestsPerSecond);
  const one = theoryRps(rateBits);
  screen.line(
    `   unlimited: ${Math.round(unlimited.requestsPerSecond)} requests/s; so each link gets ${(rateBits / 1e6).toFixed(2)} Mbit/s, theory ${Math.round(one)} requests/s`,
  );
  await Promise.all(lbPods.map((pod) => pod.limitLink(`${rateBits}bit`)));
  const runs: Run[] = [];
  for (let count = most; count >= 1; count -= 1) {
    if (lbPods.length > count) await takeAway(stage, lbPods.length - count);
    const before = lbPods.map(sentWireBytes);
    const { requestsPerSecond, requests } = await screen.during(`${count} LB pods`, measure(count, seconds));
    const sent = lbPods.map((pod, i) => sentWireBytes(pod) - (before[i] ?? 0));
    runs.unshift({ count, requestsPerSecond, requests, sent });
  }
  await Promise.all(lbPods.map((pod) => pod.unlimitLink()));
  for (const run of runs) {
    const theory = one * run.count;
    const bar = '█'.repeat(Math.round((run.requestsPerSecond / (one * most)) * 40));
    const mark = '│'.padStart(Math.max(1, run.count * 10 - bar.length + 1));
    // A kernel that lets ACKs ride on data needs fewer bytes than the model, so requests alone would not tell.
    const leastFull = (Math.min(...run.sent) * 8) / (rateBits * seconds);
    const each = Math.round(run.sent.reduce((sum, bytes) => sum + bytes) / run.requests);
    const ratio = run.requestsPerSecond / (runs[0]?.requestsPerSecond ?? Number.NaN);
    screen.line(`   ${run.count} LB pods ${bar}${mark}`);
    figures.check(
      `throughput with ${run.count} LB pods`,
      `${Math.round(run.requestsPerSecond)} requests/s (1 : ${ratio.toFixed(2)}), ${percent(run.requestsPerSecond / theory)} of theory, each link ${percent(leastFull)} full or more (${each} bytes a request)`,
      'at least 95 % of theory, each link at least 95 % full',
      run.requestsPerSecond >= 0.95 * theory && leastFull >= 0.95,
      `1 : ${['1', '2.00', '3.01', '3.90'][run.count - 1]}`,
    );
  }
  screen.line(
    `   (│ is theory: ${bodyBytes + overheadBytes} bytes a request by the thesis' model, which counts an ACK for each packet; a kernel that lets ACKs ride on data needs fewer, and then goes past it)`,
  );
}

interface Run {
  readonly count: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
  /** Wire bytes by each LB pod: requests to servers and responses to clients. */
  readonly sent: readonly number[];
}

const sentWireBytes = (pod: LbPod): number => pod.linkUsage().sentWireBytes;

/** The newest LB pods go, killed: nothing is under way that a drain would wait for. */
async function takeAway({ lbPods, router, serviceA, screen }: Stage, count: number): Promise<void> {
  const [prefix = ''] = serviceA.prefixes;
  const leaving = lbPods.splice(-count).map((pod) => pod.kill({ link: 'stays' }));
  await screen.during(`${count} fewer`, Promise.all(leaving));
  await router.waitForNextHops(prefix, lbPods.length, 20_000);
}
