import type { ProcessRole, Role, RoleDescription } from '../api.ts';
import type { LabContext } from '../context.ts';
import { type CommandOptions, inNamespace, run } from '../network/command.ts';
import { switchName } from '../network/fabric.ts';
import { addNamespace, type Link, netnsPath, removeNamespaces, setSysctls } from '../network/namespaces.ts';
import { clientLan, fabric } from '../network/plan.ts';

export interface RolePlan {
  kind: RoleDescription['kind'];
  name: string;
  address: string;
  links: Link[];
  ip?: string[];
  sysctls?: Record<string, string | number>;
}

/** A namespace with a name, its links, and the programs in it. */
export class BaseRole implements Role {
  readonly kind: RoleDescription['kind'];
  readonly name: string;
  readonly address: string;
  readonly netns: string;
  /** Name of the namespace as `ip netns` has it. */
  readonly namespace: string;
  protected readonly context: LabContext;
  protected readonly programs = new Map<string, { pid: number; logFile: string; directory?: string }>();
  readonly #addresses: string[];

  constructor(context: LabContext, plan: RolePlan) {
    this.context = context;
    this.kind = plan.kind;
    this.name = plan.name;
    this.address = plan.address;
    this.namespace = context.namespace(plan.name);
    this.netns = netnsPath(this.namespace);
    this.#addresses = plan.links.map((link) => link.address);
  }

  static async build(context: LabContext, plan: RolePlan): Promise<void> {
    await addNamespace({
      name: context.namespace(plan.name),
      links: plan.links,
      ...(plan.ip === undefined ? {} : { ip: plan.ip }),
      ...(plan.sysctls === undefined ? {} : { sysctls: plan.sysctls }),
    });
  }

  exec(command: string[], options: CommandOptions = {}): Promise<string> {
    return run(inNamespace(this.netns, command), options);
  }

  sysctl(values: Record<string, string | number>): Promise<void> {
    return setSysctls(this.netns, values);
  }

  async start(name: string, command: string[]): Promise<ProcessRole> {
    const program = this.context.start({
      name: `${this.name}.${name}`,
      command: inNamespace(this.netns, command),
    });
    this.programs.set(name, program);
    this.context.onDescribe();
    return program;
  }

  describe(): RoleDescription {
    const processes: RoleDescription['processes'] = {};
    for (const [name, { pid, logFile, directory }] of this.programs) {
      const container =
        directory === undefined ? { container: false } : { container: true, pidDirectory: directory };
      processes[name] = { pid, logFile, ...container };
    }
    return { name: this.name, kind: this.kind, addresses: this.#addresses, netns: this.netns, processes };
  }

  protected async removeNamespace(): Promise<void> {
    await removeNamespaces([this.namespace]);
  }
}

/** A port of the fabric's switch. */
export function fabricLink(context: LabContext, role: string, address: string): Link {
  return {
    into: context.namespace(switchName),
    bridge: 'fabric',
    port: role,
    name: 'eth0',
    address: `${address}/24`,
  };
}

/** A port of the clients' switch. */
export function clientLink(context: LabContext, role: string, name: string, address: string): Link {
  return {
    into: context.namespace(switchName),
    bridge: 'clients',
    port: `${role}-c`,
    name,
    address: `${address}/24`,
  };
}

export const defaultViaRouter = `route add default via ${fabric.router}`;
export const clientsViaRouter = `route add ${clientLan.prefix} via ${fabric.router}`;
