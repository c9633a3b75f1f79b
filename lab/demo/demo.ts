/** The main job, live and checked, in the order of the thesis. */
import { openLab } from '../lab.ts';
import { capacity } from './chapters/capacity.ts';
import { leaving } from './chapters/leaving.ts';
import { oneLbPod } from './chapters/one-lb-pod.ts';
import { servers } from './chapters/servers.ts';
import { threeLbPods } from './chapters/three-lb-pods.ts';
import { createFigures } from './figures.ts';
import { drawPicture } from './picture.ts';
import type { Screen } from './screen.ts';
import type { Stage } from './stage.ts';

export interface DemoResult {
  /** Names of the figures that do not hold. */
  readonly failed: readonly string[];
}

export async function runDemo(screen: Screen): Promise<DemoResult> {
  const figures = createFigures(screen);
  const lab = await openLab({ restartDelayMs: 1000 });
  screen.title(1, 'The data centre');
  const { client, router, nodes } = await screen.during('it comes up', lab.addDataCentre({ nodes: 4 }));
  const serviceA = lab.service({
    name: 'a',
    prefixes: ['203.0.113.0/28'],
    ports: [{ port: 80, targetPort: 8080 }],
    settings: { drain: { seconds: 3 } },
  });
  const serviceB = lab.service({
    name: 'b',
    prefixes: ['198.51.100.0/28'],
    ports: [{ port: 80, targetPort: 8080 }],
  });
  await screen.during('three servers', serviceA.setServers(3));
  screen.block(drawPicture(lab));
  const stage: Stage = { screen, figures, lab, client, router, nodes, serviceA, serviceB, lbPods: [] };
  for (const chapter of [oneLbPod, threeLbPods, servers, leaving, capacity]) await chapter(stage);
  screen.title(7, 'Summary, beside the thesis');
  figures.summary();
  const failed = figures.failed.map(({ name }) => name);
  screen.line();
  screen.line(
    failed.length === 0 ? 'every figure holds' : `${failed.length} figures do not hold: ${failed.join('; ')}`,
  );
  return { failed };
}
