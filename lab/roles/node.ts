import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeRole } from '../api.ts';
import { Container } from '../containers/container.ts';
import { replaceFile } from '../containers/mounted-config.ts';
import { programCommand } from '../containers/programs.ts';
import type { LabContext } from '../context.ts';
import { nodeAddress, podAddress, podCidr, podGateway, podRoutes, vipRanges } from '../network/plan.ts';
import { toYaml } from '../yaml.ts';
import { BaseRole, defaultViaRouter, fabricLink } from './role.ts';

/** A node: its pods hang on the bridge cni0; it routes to the pods of other nodes by host-gw. */
export class Node extends BaseRole implements NodeRole {
  readonly index: number;
  readonly podCidr: string;
  nodeRouter: Container | undefined;
  readonly #podsDir: string;
  #pods = 0;

  private constructor(context: LabContext, index: number) {
    super(context, nodePlan(context, index));
    this.index = index;
    this.podCidr = podCidr(index);
    this.#podsDir = join(context.stateDir, this.name, 'etc', 'pods');
  }

  static async create(context: LabContext, index: number, nodeRouter: 'runs' | 'absent'): Promise<Node> {
    await BaseRole.build(context, nodePlan(context, index));
    const node = new Node(context, index);
    mkdirSync(node.#podsDir, { recursive: true });
    if (nodeRouter === 'runs') node.#startNodeRouter();
    return node;
  }

  #startNodeRouter(): void {
    const etc = join(this.context.stateDir, this.name, 'etc');
    const settings = {
      allowedPrefixes: vipRanges,
      pods: { source: 'files', files: { directory: '/etc/portable-lb/pods' } },
    };
    writeFileSync(join(etc, 'node-router.yaml'), toYaml(settings));
    this.nodeRouter = new Container(this.context, {
      name: `${this.name}.node-router`,
      hostname: this.name,
      command: programCommand('node-router', ['--settings', '/etc/portable-lb/node-router.yaml']),
      env: { ...containerEnv, NODE_NAME: this.name, NODE_IP: this.address },
      netns: this.netns,
      uid: 0,
      gid: 0,
      capabilities: ['CAP_NET_ADMIN'],
      mounts: [{ source: etc, destination: '/etc/portable-lb', access: 'ro' }],
    });
    this.programs.set('node-router', this.nodeRouter);
    this.nodeRouter.revive();
  }

  /** Address of a further pod. */
  nextPodAddress(): string {
    return podAddress(this.index, ++this.#pods);
  }

  /** What the API server would hold of a pod of this node; undefined when it is gone. */
  writePodManifest(pod: string, manifest: object | undefined): void {
    replaceFile(this.#podsDir, `${pod}.yaml`, manifest === undefined ? undefined : toYaml(manifest));
  }

  async route(prefix: string): Promise<string | undefined> {
    const text = (await this.exec(['ip', '-4', '-o', 'route', 'show', 'exact', prefix])).trim();
    return text === '' ? undefined : text;
  }

  /** Another end of a pod's link: plugged into cni0. */
  podLink(port: string, address: string) {
    return { into: this.namespace, bridge: 'cni0', port, name: 'eth0', address: `${address}/24` };
  }
}

export const containerEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/tmp',
  LANG: 'C.UTF-8',
  UV_USE_IO_URING: '0',
  // For the images too (docs/bench.md): glibc would else keep freed memory in an arena for each of Node's ten threads.
  MALLOC_ARENA_MAX: '1',
};

function nodePlan(context: LabContext, index: number) {
  const name = `node-${index}`;
  const address = nodeAddress(index);
  return {
    kind: 'node' as const,
    name,
    address,
    links: [fabricLink(context, name, address)],
    ip: [
      'link add cni0 type bridge',
      `address add ${podGateway(index)}/24 dev cni0`,
      'link set cni0 up',
      defaultViaRouter,
      ...podRoutes(index),
    ],
    sysctls: { 'net.ipv4.ip_forward': 1, 'net.ipv4.fib_multipath_hash_policy': 1 },
  };
}
