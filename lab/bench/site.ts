import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeRole } from '../api.ts';
import { type DataCentre, openLab } from '../lab.ts';
import { slicesManifest } from '../roles/endpoint-slices.ts';
import type { LabLbPod } from '../roles/lb-pod.ts';
import type { Node } from '../roles/node.ts';
import type { Router } from '../roles/router.ts';
import type { Server } from '../roles/server-pod.ts';
import type { LabService } from '../roles/service.ts';
import { type Memory, memoryOf } from './memory.ts';
import type { BenchSize } from './size.ts';

/** For one thing to happen on a machine that is ten times too busy. */
export const deadlineMs = 60_000;

const endpointsPerSlice = 100;

export interface Site {
  readonly lab: DataCentre;
  readonly router: Router;
  readonly nodes: Node[];
  readonly runDir: string;
  readonly size: BenchSize;
  readonly tell: (line: string) => void;
}

export async function openSite(size: BenchSize, tell: Site['tell']): Promise<Site> {
  const runDir = process.env.LAB_RUN;
  const lab = await openLab({ ...(runDir === undefined ? {} : { runDir: join(runDir, 'lab') }) });
  const { router, nodes } = await lab.addDataCentre({ nodes: 4 });
  return { lab, router, nodes, runDir: runDir ?? lab.runDir, size, tell };
}

/** A service of many addresses that one nginx answers: health checks of hundreds of servers without their weight. */
export interface Crowd {
  readonly service: LabService;
  readonly pod: LabLbPod;
  /** A namespace beside the LB pod, linked as it is. */
  readonly beside: Server;
  /** Writes the slices, ready to be put in place by one rename; gives that rename. */
  prepareChange(addresses: readonly string[]): () => void;
  /** Addresses that the last change put in place. */
  servers(): number;
  /** Ends the LB pod: hundreds of health checks are not to take processor time from what is measured next. */
  disband(): Promise<void>;
  readonly memoryAtStart: Map<string, Memory>;
}

export async function gatherCrowd({ lab, nodes }: Site): Promise<Crowd> {
  const [near, far] = nodes as [Node, Node];
  const service = lab.service({
    name: 'crowd',
    prefixes: ['203.0.113.64/28'],
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  });
  const bare = lab.service({
    name: 'bare',
    prefixes: ['203.0.113.80/28'],
    ports: [{ port: 80, targetPort: 8080 }],
  });
  const [nginx, beside] = (await Promise.all([service.addServer(far), bare.addServer(near)])) as [
    Server,
    Server,
  ];
  await nginx.exec(['ip', 'route', 'add', 'local', crowdPrefix, 'dev', 'lo']);
  await routeTo(far, nginx.address);
  await routeTo(near, far.address);
  await service.setEndpoints(crowdOf(10).map((address) => ({ address, ready: true })));
  const pod = await lab.addLbPod({ service, node: near });
  await pod.ready(deadlineMs);
  const aside = join(service.manifestsDir, '..', 'aside');
  mkdirSync(aside);
  let inPlace = 10;
  return {
    memoryAtStart: memoryOf(pod),
    servers: () => inPlace,
    disband: () => pod.kill({ link: 'stays' }),
    service,
    pod,
    beside,
    prepareChange(addresses) {
      const file = join(aside, 'slices.yaml');
      const { name, namespace, prefixes, ports } = service;
      const endpoints = addresses.map((address) => ({ address, ready: true }));
      writeFileSync(
        file,
        slicesManifest({ name, namespace, prefixes, ports, namedPorts: {} }, endpoints, endpointsPerSlice),
      );
      return () => {
        renameSync(file, join(service.manifestsDir, 'slices.yaml'));
        inPlace = addresses.length;
      };
    },
  };
}

const crowdPrefix = '10.99.0.0/16';

/** `10.99.0.1` … */
export function crowdOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => crowdAddress(index + 1));
}

export function crowdAddress(nth: number): string {
  return `10.99.${nth >> 8}.${nth & 255}`;
}

async function routeTo(node: NodeRole, gateway: string): Promise<void> {
  await node.exec(['ip', 'route', 'add', crowdPrefix, 'via', gateway]);
}
