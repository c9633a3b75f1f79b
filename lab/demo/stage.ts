/** What the chapters of the demo share. */
import type { ClientRole, DataCentre, LbPod, NodeRole, RouterRole, ServiceRole } from '../lab.ts';
import type { Figures } from './figures.ts';
import type { Screen } from './screen.ts';

export interface Stage {
  readonly screen: Screen;
  readonly figures: Figures;
  readonly lab: DataCentre;
  readonly client: ClientRole;
  readonly router: RouterRole;
  readonly nodes: readonly NodeRole[];
  readonly serviceA: ServiceRole;
  readonly serviceB: ServiceRole;
  /** LB pods of service A that run now; chapters add to it and take from it. */
  readonly lbPods: LbPod[];
}

/** Ready means: a figure of the thesis' Table 7.2 can be read from the router. */
export async function addLbPod({ lab, lbPods, serviceA }: Stage, node: NodeRole | undefined): Promise<LbPod> {
  const pod = await lab.addLbPod({ service: serviceA, ...(node ? { node } : {}) });
  lbPods.push(pod);
  return pod;
}

/** As `ip route` shows it, for the eye of a network engineer. */
export async function showRoute({ screen, router }: Stage, prefix: string): Promise<void> {
  screen.line(`   ${router.name}: ip route show ${prefix}`);
  screen.block(await router.exec(['ip', 'route', 'show', prefix]));
}
