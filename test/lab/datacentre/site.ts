/** The data centre that the tests here share: client, router, reflectors, nodes, a service with LB pods. */
import { readFileSync } from 'node:fs';
import type { LbPodOptions, Role } from '../../../lab/api.ts';
import { type DataCentre, openLab, waitFor } from '../../../lab/lab.ts';
import type { Client } from '../../../lab/roles/client.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import type { Node } from '../../../lab/roles/node.ts';
import type { Router } from '../../../lab/roles/router.ts';
import type { LabService } from '../../../lab/roles/service.ts';

export const prefix = '203.0.113.0/28';
/** For one thing to happen on a machine that is ten times too busy. */
export const deadlineMs = 120_000;

export interface Site {
  readonly lab: DataCentre;
  readonly client: Client;
  readonly router: Router;
  readonly nodes: Node[];
  readonly service: LabService;
  readonly pods: LabLbPod[];
}

export interface SiteOptions {
  nodes?: number;
  /** LB pods, one to a node. */
  lbPods?: number;
  servers?: number;
  router?: 'bird' | 'frr';
  reflectors?: ('bird' | 'gobgp')[];
  settings?: Record<string, unknown>;
  /** First pause before a container is started again. */
  restartDelayMs?: number;
}

export async function openSite(options: SiteOptions = {}): Promise<Site> {
  const lab = await openLab({ restartDelayMs: options.restartDelayMs ?? 300 });
  try {
    return await build(lab, options);
  } catch (error) {
    await lab.close();
    throw error;
  }
}

async function build(lab: DataCentre, options: SiteOptions): Promise<Site> {
  const { client, router, nodes } = await lab.addDataCentre({
    nodes: options.nodes ?? 3,
    router: options.router ?? 'bird',
    reflectors: options.reflectors ?? ['bird', 'bird'],
  });
  const service = lab.service({
    name: 'web',
    prefixes: [prefix],
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    settings: { drain: { seconds: 2 }, ...options.settings },
  });
  const [pods] = await Promise.all([
    addLbPods({ lab, service }, nodes.slice(0, options.lbPods ?? nodes.length)),
    service.setServers(options.servers ?? 3),
  ]);
  const site = { lab, client, router, nodes, service, pods };
  await untilRouted(site, pods);
  return site;
}

export async function addLbPods(
  { lab, service }: Pick<Site, 'lab' | 'service'>,
  nodes: Node[],
  options: Pick<LbPodOptions, 'settings' | 'secrets'> = {},
): Promise<LabLbPod[]> {
  const pods = await Promise.all(nodes.map((node) => lab.addLbPod({ service, node, ...options })));
  await Promise.all(pods.map((pod) => pod.ready(deadlineMs)));
  return pods;
}

/** Until the router's next-hops are exactly the nodes of these LB pods. */
export function untilRouted(site: Pick<Site, 'router'>, pods: LabLbPod[], vip = prefix) {
  return site.router.waitForNextHops(vip, nodesOf(pods), deadlineMs);
}

export function nodesOf(pods: LabLbPod[]): string[] {
  return [...new Set(pods.map((pod) => pod.node.address))];
}

/** Several addresses of a prefix. */
export function urlsOf(service: LabService, vip = prefix, port = 80): string[] {
  return [1, 2, 5, 9, 14].map((nth) => service.url(nth, { prefix: vip, port }));
}

export const processesOf = {
  exabgp: (pod: LabLbPod) => pod.sidecar.pids(/--env \/nonexistent/),
  helper: (pod: LabLbPod) => pod.sidecar.pids(/^\S*socat STDIO/),
  /** Parent and child. */
  keepalived: (pod: LabLbPod) =>
    pod.controller.pids(/^\S*keepalived .*--use-file \S*current/).sort((a, b) => a - b),
};

export type ProcessName = keyof typeof processesOf;

/** Signals a process of an LB pod that the lab did not start itself; gives its pid. */
export async function signalProcess(
  pod: LabLbPod,
  name: ProcessName,
  signal: NodeJS.Signals,
): Promise<number> {
  const pid = await waitFor(`${name} in ${pod.name}`, () => processesOf[name](pod)[0], { deadlineMs });
  process.kill(pid, signal);
  return pid;
}

export function untilReplaced(pod: LabLbPod, name: ProcessName, before: number): Promise<unknown> {
  return waitFor(
    `another ${name} in ${pod.name}`,
    () => {
      const pids = processesOf[name](pod);
      return (pids.length > 0 && !pids.includes(before)) || { notYet: `pids ${pids}, before ${before}` };
    },
    { deadlineMs },
  );
}

export interface SpeakerView {
  stopping: boolean;
  prefixes: Record<string, string>;
  peers: Record<string, { up: boolean; problem?: string }>;
}

export function speakerOf(pod: LabLbPod): SpeakerView | undefined {
  return pod.speakerState() as SpeakerView | undefined;
}

/** Until every session of the LB pod stands. */
export function untilSessionsUp(pod: LabLbPod): Promise<unknown> {
  return waitFor(
    `the sessions of ${pod.name}`,
    () => {
      const peers = Object.values(speakerOf(pod)?.peers ?? {});
      return (peers.length > 0 && peers.every(({ up }) => up)) || { notYet: JSON.stringify(peers) };
    },
    { deadlineMs },
  );
}

/** Asks a BIRD of the lab (router or reflector), by the control socket in its command line. */
export async function bird(lab: DataCentre, role: string, question: string): Promise<string> {
  const all = [...lab.routers, ...lab.reflectors];
  const asked = all.find(({ name }) => name === role);
  const pid = asked?.describe().processes.bird?.pid ?? 0;
  if (asked === undefined || pid === 0) throw new Error(`${role} runs no BIRD`);
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const control = words[words.indexOf('-s') + 1] as string;
  return asked.exec(['birdc', '-s', control, '-r', ...question.split(' ')]);
}

export function birdRoutes(lab: DataCentre, role: string): Promise<string> {
  return bird(lab, role, 'show route all');
}

/** A path to this LB pod alone, as of a router that has not heard of its withdrawal: one address of the prefix. */
export async function pinAddress(site: Site, address: string, pod: LabLbPod): Promise<void> {
  await site.router.exec(['ip', 'route', 'replace', `${address}/32`, 'via', pod.node.address]);
}

/** A figure that the reader of the results should see. */
export function noteFigure(test: Mocha.Context, figure: string): void {
  if (test.test) test.test.title += ` [${figure}]`;
}

export interface LogLine {
  level: string;
  event: string;
  msg: string;
  [field: string]: unknown;
}

/** What a container has logged from this length of its log on. */
export function logLines(container: { logText(): string }, sinceOffset = 0): LogLine[] {
  return container
    .logText()
    .slice(sinceOffset)
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as LogLine);
}

/** ICMP "time exceeded" that this role sent: a packet that goes between router and node until its TTL is over. */
export async function packetsThatLooped(role: Role): Promise<number> {
  const lines = (await role.exec(['cat', '/proc/net/snmp'])).split('\n');
  const [names = [], values = []] = lines
    .filter((line) => line.startsWith('Icmp: '))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('OutTimeExcds')]);
}
