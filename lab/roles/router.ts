import type { RouteChange, RouterRole } from '../api.ts';
import type { LabContext } from '../context.ts';
import { clientLan, fabric, podRoutes } from '../network/plan.ts';
import { type LabProcess, tcpSockets } from '../processes.ts';
import { type NotYet, waitFor } from '../wait.ts';
import { startBirdRouter, talkToBird } from './bird.ts';
import { startFrrRouter } from './frr.ts';
import { BaseRole, clientLink, fabricLink } from './role.ts';
import { RouteTable } from './route-table.ts';

const bgpPort = 179;

/** The router between clients and fabric. ECMP over the 5-tuple; routes only from the reflectors. */
export class Router extends BaseRole implements RouterRole {
  readonly software: 'bird' | 'frr';
  #routes!: RouteTable;
  #daemon!: { process?: LabProcess; sessions(): Promise<string> };

  private constructor(context: LabContext, software: 'bird' | 'frr') {
    super(context, routerPlan(context));
    this.software = software;
  }

  static async create(
    context: LabContext,
    software: 'bird' | 'frr',
    callers: readonly string[] = [],
  ): Promise<Router> {
    await BaseRole.build(context, routerPlan(context));
    const router = new Router(context, software);
    router.#routes = await RouteTable.follow(context, router);
    const daemon =
      software === 'bird'
        ? await startBirdRouter(context, router, callers)
        : await startFrrRouter(context, router);
    router.#daemon = daemon;
    router.programs.set(software, daemon.process);
    return router;
  }

  /** A router (BIRD) that another process of this kernel created. */
  static async attach(context: LabContext): Promise<Router> {
    const router = new Router(context, 'bird');
    router.#routes = await RouteTable.follow(context, router);
    await router.#routes.readNow(router);
    router.#daemon = talkToBird(context, router);
    return router;
  }

  nextHops(prefix: string): string[] {
    return this.#routes.nextHops(prefix);
  }

  history(prefix: string): RouteChange[] {
    return this.#routes.history(prefix);
  }

  async waitForNextHops(
    prefix: string,
    wanted: number | string[],
    deadlineMs = 60_000,
  ): Promise<RouteChange> {
    const what =
      typeof wanted === 'number' ? `${wanted} next-hops` : `next-hops ${wanted.join(', ') || '(none)'}`;
    const list = typeof wanted === 'number' ? undefined : [...wanted].sort().join(' ');
    const probe = (): RouteChange | NotYet => {
      const held = this.nextHops(prefix);
      const fits = list === undefined ? held.length === wanted : [...held].sort().join(' ') === list;
      if (fits) return this.#routes.history(prefix).at(-1) ?? { atMs: performance.now(), nextHops: [] };
      return { notYet: held.length === 0 ? 'no route' : `next-hops ${held.join(', ')}` };
    };
    try {
      return await waitFor(`${what} for ${prefix} at the router`, probe, { deadlineMs, everyMs: 5 });
    } catch (error) {
      const sessions = await this.sessions().catch(String);
      throw new Error(`${(error as Error).message}\nThe router's sessions:\n${sessions}`);
    }
  }

  sessions(): Promise<string> {
    return this.#daemon.sessions();
  }

  /** Until TCP connections with that many reflectors stand. */
  async waitForReflectors(count: number, deadlineMs = 60_000): Promise<void> {
    await waitFor(
      `the router's sessions with ${count} reflectors`,
      () => {
        const standing = tcpSockets(this.#daemon.process?.pid ?? 0).filter(
          (socket) =>
            socket.state === 'established' && (socket.remotePort === bgpPort || socket.localPort === bgpPort),
        );
        return standing.length >= count || { notYet: `${standing.length} connections` };
      },
      { deadlineMs },
    );
  }
}

/**
 * The 5-tuple as a router reads it from the packet. Policy 1 means the same, but takes the hash that the sending socket
 * left in the skb where there is one (net/ipv4/route.c, fib_multipath_hash: "if we already have L4 hash present"), and
 * between namespaces of one kernel there is: it is the same at router and node, whatever their seeds, and another after
 * a retransmission. 0x37: addresses, protocol and ports (Documentation/networking/ip-sysctl.rst).
 */
const hashOfPackets = {
  'net.ipv4.fib_multipath_hash_policy': 3,
  'net.ipv4.fib_multipath_hash_fields': 0x37,
};

function routerPlan(context: LabContext) {
  return {
    kind: 'router' as const,
    name: 'router',
    address: fabric.router,
    links: [
      fabricLink(context, 'router', fabric.router),
      clientLink(context, 'router', 'eth1', clientLan.router),
    ],
    // So that an LB pod may also announce its own address as next-hop.
    ip: podRoutes(),
    sysctls: { 'net.ipv4.ip_forward': 1, ...hashOfPackets },
  };
}
