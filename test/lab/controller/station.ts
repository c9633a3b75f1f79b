/** One LB pod on one node with a client in front of it and servers behind: what most tests of the controller need. */
import type { ClientRole, LbPodOptions, NodeRole, RouterRole, ServiceOptions } from '../../../lab/api.ts';
import { type DataCentre, openLab } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import type { LabService } from '../../../lab/roles/service.ts';

export const prefix = '203.0.113.0/28';

export interface Station {
  readonly lab: DataCentre;
  readonly client: ClientRole;
  readonly router: RouterRole;
  readonly node: NodeRole;
  readonly service: LabService;
  readonly pod: LabLbPod;
}

export interface StationOptions {
  ports?: ServiceOptions['ports'];
  namedPorts?: Record<string, number>;
  servers?: number;
  settings?: Record<string, unknown>;
  /** static (default): the router's and the node's routes are set by hand, nobody announces; announced: the whole chain, one reflector. */
  routes?: 'static' | 'announced';
  ready?: 'awaited' | 'not awaited';
  lbPod?: Omit<LbPodOptions, 'service' | 'node'>;
}

export async function openStation(options: StationOptions = {}): Promise<Station> {
  const routes = options.routes ?? 'static';
  const lab = await openLab({ restartDelayMs: 300 });
  try {
    return await build(lab, { ...options, routes });
  } catch (error) {
    await lab.close();
    throw error;
  }
}

async function build(
  lab: DataCentre,
  { ports, namedPorts, servers = 3, settings = {}, routes, ready, lbPod }: StationOptions,
): Promise<Station> {
  const [client, router, node] = await Promise.all([
    lab.addClient(),
    lab.addRouter(),
    lab.addNode({ nodeRouter: routes === 'static' ? 'absent' : 'runs' }),
    routes === 'announced' ? lab.addReflector() : undefined,
  ]);
  const service = lab.service({
    name: 'web',
    prefixes: [prefix],
    ports: ports ?? [{ port: 80, targetPort: 8080 }],
    ...(namedPorts === undefined ? {} : { namedPorts }),
    settings: { ...(routes === 'static' ? { bgp: null } : {}), ...settings },
  }) as LabService;
  const [pod] = await Promise.all([
    lab.addLbPod({ ...lbPod, service, node }) as Promise<LabLbPod>,
    service.setServers(servers),
  ]);
  if (routes === 'static') {
    await router.exec(['ip', 'route', 'add', prefix, 'via', node.address]);
    await node.exec(['ip', 'route', 'add', prefix, 'via', pod.address]);
  }
  if (ready !== 'not awaited') await pod.ready(120_000);
  if (routes === 'announced') await router.waitForNextHops(prefix, [node.address], 120_000);
  return { lab, client, router, node, service, pod };
}

/** A line of the controller's log. */
export interface LogLine {
  level: string;
  event: string;
  msg: string;
  [field: string]: unknown;
}

/** What the controller has logged since `from` (a length of its log text). */
export function logLines(pod: LabLbPod, from = 0): LogLine[] {
  return pod.controller
    .logText()
    .slice(from)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
}

export function logLength(pod: LabLbPod): number {
  return pod.controller.logText().length;
}

/** keepalived's processes in the controller's container; the parent has the lower pid there. */
export function keepalivedPids(pod: LabLbPod): { parent: number; child: number } {
  const pids = pod.controller.pids(/^\S*keepalived .*--use-file \S*current/).sort((a, b) => a - b);
  if (pids.length !== 2)
    throw new Error(`${pids.length} processes of keepalived instead of parent and child`);
  return { parent: pids[0] as number, child: pids[1] as number };
}

export async function counters(pod: LabLbPod): Promise<{ drift: number; mended: number; reloads: number }> {
  const read = async (name: string) => (await pod.metric('controller', name)) ?? 0;
  return {
    drift: await read('portable_lb_drift_repaired_total'),
    mended: await read('portable_lb_network_mended_total'),
    reloads: await read('portable_lb_reloads_total'),
  };
}
