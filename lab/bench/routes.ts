import type { LabLbPod } from '../roles/lb-pod.ts';
import type { Node } from '../roles/node.ts';
import type { LabService } from '../roles/service.ts';
import { distributionOf } from './distribution.ts';
import { below, type Row, type Section } from './result.ts';
import { nextHopChange } from './route-watch.ts';
import { deadlineMs, type Site } from './site.ts';
import { readStartParts, type StartParts, whenContainersRun } from './start-parts.ts';

const prefix = '203.0.113.0/28';
const goalMs = 1000;
const holdSeconds = 9;
const thesis =
  'the thesis: mean 2570 ms, median 1900 ms, max 9900 ms from a change of the pod count to the ECMP route';

interface Samples {
  start: number[];
  containers: number[];
  parts: StartParts[];
  terminated: number[];
  killed: number[];
  dead: number[];
}

/**
 * LB pods that come and go, one after the other: each starts on the node that has none, then the one that has
 * been there the longest leaves, by SIGTERM and by SIGKILL in turn. At the end some vanish with their link.
 */
export async function measureRoutes(site: Site): Promise<Section> {
  const samples: Samples = { start: [], containers: [], parts: [], terminated: [], killed: [], dead: [] };
  const service = site.lab.service({
    name: 'web',
    prefixes: [prefix],
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    settings: { drain: { seconds: 0 }, bgp: { holdSeconds } },
  });
  await service.setServers(2);
  const standing: LabLbPod[] = [];
  const endAtMs = performance.now() + site.size.lbPodsSeconds * 1000;
  for (let number = 0; number < site.size.lbPods && performance.now() < endAtMs; number++) {
    if (number % 20 === 0) site.tell(`LB pods ${number + 1} to ${Math.min(number + 20, site.size.lbPods)}`);
    standing.push(await startOne(site, service, site.nodes[number % site.nodes.length] as Node, samples));
    if (standing.length < site.nodes.length) continue;
    await endOne(site, standing.shift() as LabLbPod, number % 2 === 0 ? 'SIGTERM' : 'SIGKILL', samples);
  }
  site.tell(`${site.size.deadNodes} LB pods vanish with their link`);
  await Promise.all(standing.splice(0, site.size.deadNodes).map((pod) => cutOff(site, pod, samples)));
  await Promise.all(standing.map((pod) => pod.kill({ link: 'stays' })));
  await service.setServers(0);
  return sectionOf(samples);
}

async function startOne(site: Site, service: LabService, node: Node, samples: Samples): Promise<LabLbPod> {
  const pod = await site.lab.addLbPod({ service, node });
  const [containersMs, routedAtMs] = await Promise.all([
    whenContainersRun(pod),
    nextHopChange(site.router, prefix, node.address, 'present', pod.startedAtMs),
  ]);
  samples.start.push(routedAtMs - pod.startedAtMs);
  samples.containers.push(containersMs);
  samples.parts.push(await readStartParts(pod));
  await pod.ready(deadlineMs);
  return pod;
}

async function endOne(site: Site, pod: LabLbPod, signal: 'SIGTERM' | 'SIGKILL', samples: Samples) {
  const sentAtMs = performance.now();
  const ended = signal === 'SIGTERM' ? pod.terminate() : pod.kill({ link: 'stays' });
  const goneAtMs = await nextHopChange(site.router, prefix, pod.node.address, 'absent', sentAtMs);
  samples[signal === 'SIGTERM' ? 'terminated' : 'killed'].push(goneAtMs - sentAtMs);
  await ended;
}

async function cutOff(site: Site, pod: LabLbPod, samples: Samples): Promise<void> {
  const cutAtMs = performance.now();
  const ended = pod.kill({ link: 'gone' });
  const goneAtMs = await nextHopChange(site.router, prefix, pod.node.address, 'absent', cutAtMs);
  samples.dead.push(goneAtMs - cutAtMs);
  await ended;
}

function sectionOf(samples: Samples): Section {
  const row = (what: string, values: number[]): Row => ({
    what,
    unit: 'ms',
    figures: distributionOf(values),
  });
  const inTime = (what: string, values: number[]): Row => {
    const figures = distributionOf(values);
    return { ...row(what, values), goal: below(`p99 < ${goalMs} ms`, goalMs, figures.p99) };
  };
  const names = Object.keys(samples.parts[0] ?? {}) as (keyof StartParts)[];
  return {
    title: 'LB pod → route at the router',
    how: `LB pod, two BIRD reflectors, BIRD router; the router's kernel told every change (${thesis})`,
    rows: [
      {
        ...inTime('LB pod start → route', samples.start),
        note: 'the start of eight processes: its milestones follow',
      },
      row('  both containers run', samples.containers),
      ...names.map((name) =>
        row(
          `  ${name}`,
          samples.parts.map((parts) => parts[name]),
        ),
      ),
      inTime('SIGTERM → route gone', samples.terminated),
      inTime('SIGKILL of the whole pod → route gone', samples.killed),
      {
        ...row('pod dead with its link → route gone', samples.dead),
        goal: below(
          `≤ hold time, ${holdSeconds} s, + 0.5 s`,
          holdSeconds * 1000 + 500,
          Math.max(...samples.dead),
        ),
        note: `nobody says goodbye: the reflector notices when the hold time of ${holdSeconds} s is over, counted from the last message`,
      },
    ],
    samples: {
      start: samples.start,
      terminated: samples.terminated,
      killed: samples.killed,
      dead: samples.dead,
    },
  };
}
