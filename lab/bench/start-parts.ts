import type { LabLbPod } from '../roles/lb-pod.ts';
import { waitFor } from '../wait.ts';
import { deadlineMs } from './site.ts';

/** Milestones of one LB pod's start, in ms since its containers were started. */
export type StartParts = Record<(typeof milestones)[number]['name'], number>;

/** In order of time on an idle machine; what each one is made of stands in docs/bench.md. */
const milestones = [
  { name: 'sidecar: node runs, settings read', container: 'sidecar', pattern: /"event":"settings"/ },
  { name: 'sidecar: ExaBGP started', container: 'sidecar', pattern: /"event":"speaker".*is started/ },
  { name: 'controller: rules verified, nft asked', container: 'controller', pattern: /"event":"network"/ },
  { name: 'controller: lease says yes', container: 'controller', pattern: /lease says yes/ },
  { name: 'sidecar: first BGP session', container: 'sidecar', pattern: /"event":"session".*is up/ },
] as const;

/** Watches for the containers' first processes: called at once after they were started. */
export async function whenContainersRun(pod: LabLbPod): Promise<number> {
  await waitFor(`the containers of ${pod.name}`, () => pod.controller.pid !== 0 && pod.sidecar.pid !== 0, {
    deadlineMs,
    everyMs: 5,
  });
  return performance.now() - pod.startedAtMs;
}

/** From what the containers logged, by the time in each line (whole ms of the wall clock). */
export async function readStartParts(pod: LabLbPod): Promise<StartParts> {
  const parts = await Promise.all(
    milestones.map(async ({ name, container, pattern }) => {
      const line = await pod[container].waitForLog(pattern, { deadlineMs });
      const { time } = JSON.parse(line) as { time: string };
      return [name, Date.parse(time) - performance.timeOrigin - pod.startedAtMs];
    }),
  );
  return Object.fromEntries(parts);
}
