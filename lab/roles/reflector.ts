import type { ProcessRole, ReflectorOptions, ReflectorRole } from '../api.ts';
import type { LabContext } from '../context.ts';
import { podRoutes, reflectorAddresses, vipRanges } from '../network/plan.ts';
import { type LabProcess, tcpSockets } from '../processes.ts';
import { waitFor } from '../wait.ts';
import { startBirdReflector } from './bird.ts';
import { startGobgpReflector } from './gobgp.ts';
import { BaseRole, fabricLink } from './role.ts';

export interface ReflectorPlan {
  vipRanges: string[];
  maxPrefixes: number;
  password?: string;
}

const bgpPort = 179;

/**
 * A route reflector. LB pods come to it from any pod address; it takes only VIP prefixes whose next-hop is a node
 * or a pod, and gives the router every path (add-path). No graceful restart: a path of a lost peer goes at once.
 */
export class Reflector extends BaseRole implements ReflectorRole {
  readonly software: 'bird' | 'gobgp';
  readonly #plan: ReflectorPlan;
  #daemon!: { process: LabProcess; sessions(): Promise<string>; routes(): Promise<string> };

  private constructor(context: LabContext, index: number, options: ReflectorOptions) {
    super(context, reflectorRolePlan(context, index));
    this.software = options.software ?? 'bird';
    this.#plan = {
      vipRanges: options.vipRanges ?? vipRanges,
      maxPrefixes: options.maxPrefixes ?? 8,
      ...(options.password === undefined ? {} : { password: options.password }),
    };
  }

  static async create(context: LabContext, index: number, options: ReflectorOptions): Promise<Reflector> {
    await BaseRole.build(context, reflectorRolePlan(context, index));
    const reflector = new Reflector(context, index, options);
    await reflector.restart();
    return reflector;
  }

  get process(): ProcessRole {
    return this.#daemon.process;
  }

  kill(): Promise<void> {
    return this.#daemon.process.kill();
  }

  async restart(): Promise<void> {
    if (this.#daemon?.process.isRunning) await this.kill();
    this.#daemon =
      this.software === 'bird'
        ? await startBirdReflector(this.context, this, this.#plan)
        : startGobgpReflector(this.context, this, this.#plan);
    const { process } = this.#daemon;
    this.programs.set(this.software, process);
    await waitFor(`${this.name} (${this.software}) to listen`, () => {
      if (!process.isRunning) return { notYet: `it ended: ${process.logText().slice(-1000)}` };
      return tcpSockets(process.pid).some(
        (socket) => socket.state === 'listen' && socket.localPort === bgpPort,
      );
    });
  }

  async show(): Promise<string> {
    return `${await this.#daemon.sessions()}\n${await this.#daemon.routes()}`;
  }
}

function reflectorRolePlan(context: LabContext, index: number) {
  const address = reflectorAddresses[index - 1];
  if (address === undefined)
    throw new Error(`the lab's plan has ${reflectorAddresses.length} reflectors, not ${index}`);
  const name = `reflector-${index}`;
  return {
    kind: 'reflector' as const,
    name,
    address,
    links: [fabricLink(context, name, address)],
    ip: podRoutes(),
  };
}
