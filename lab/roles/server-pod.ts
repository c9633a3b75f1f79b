import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint, NodeRole, ProcessRole, ServerPod } from '../api.ts';
import type { LabContext } from '../context.ts';
import { inNamespace } from '../network/command.ts';
import { podGateway } from '../network/plan.ts';
import { type LabProcess, tcpSockets } from '../processes.ts';
import { waitFor } from '../wait.ts';
import { nginxConfig } from './nginx.ts';
import type { Node } from './node.ts';
import { BaseRole } from './role.ts';

/** Ports of a server, and what it tells its service: that its entry in the slices changed, or that it is gone. */
export interface ServerWiring {
  ports(): { tcp: number[]; udp: number[] };
  changed(): Promise<void>;
  gone(server: Server): Promise<void>;
}

/** nginx in a pod of its own, and a socat that answers datagrams where the Service has UDP ports. */
export class Server extends BaseRole implements ServerPod {
  readonly node: NodeRole;
  readonly endpoint: Endpoint;
  readonly #wiring: ServerWiring;
  readonly #siteDir: string;
  #nginx!: LabProcess;
  #udp: LabProcess[] = [];

  constructor(
    context: LabContext,
    place: { name: string; node: Node; address: string; siteDir: string },
    wiring: ServerWiring,
  ) {
    super(context, serverPlan(place));
    this.node = place.node;
    this.#siteDir = place.siteDir;
    this.#wiring = wiring;
    this.endpoint = {
      address: place.address,
      ready: true,
      serving: true,
      terminating: false,
      nodeName: place.node.name,
      targetName: place.name,
    };
  }

  async create(place: { name: string; node: Node; address: string }): Promise<void> {
    await BaseRole.build(this.context, serverPlan(place));
    await this.restart();
  }

  get process(): ProcessRole {
    return this.#nginx;
  }

  async setReady(state: 'ready' | 'unready'): Promise<void> {
    this.endpoint.ready = state === 'ready';
    this.endpoint.serving = state === 'ready';
    await this.#wiring.changed();
  }

  async markTerminating({ serving }: { serving: boolean }): Promise<void> {
    Object.assign(this.endpoint, { ready: false, serving, terminating: true });
    await this.#wiring.changed();
  }

  quit(): void {
    this.#nginx.signal('SIGQUIT');
  }

  async terminate({ preStopSeconds = 0 }: { preStopSeconds?: number } = {}): Promise<void> {
    await this.markTerminating({ serving: true });
    if (preStopSeconds > 0) await sleep(preStopSeconds * 1000);
    this.quit();
    await this.#nginx.exited;
    await this.remove();
  }

  async kill(): Promise<void> {
    await Promise.all([this.#nginx, ...this.#udp].map((program) => program.kill()));
  }

  async restart(): Promise<void> {
    if (this.#nginx?.isRunning) await this.kill();
    const directory = join(this.context.stateDir, this.name);
    mkdirSync(directory, { recursive: true });
    const { tcp, udp } = this.#wiring.ports();
    const file = join(directory, 'nginx.conf');
    writeFileSync(file, nginxConfig({ name: this.name, ports: tcp, directory, siteDir: this.#siteDir }));
    this.#nginx = this.context.start({
      name: this.name,
      command: inNamespace(this.netns, ['nginx', '-e', 'stderr', '-p', directory, '-c', file]),
    });
    this.programs.set('nginx', this.#nginx);
    this.#udp = udp.map((port) => this.#startUdp(port));
    await this.#waitForPorts(tcp);
  }

  #startUdp(port: number): LabProcess {
    const answer = `head -c 1400 >/dev/null; echo ${this.name} $SOCAT_PEERADDR ${port}`;
    const program = this.context.start({
      name: `${this.name}.udp-${port}`,
      command: inNamespace(this.netns, [
        'socat',
        '-T',
        '2',
        `UDP4-RECVFROM:${port},fork`,
        `SYSTEM:${answer}`,
      ]),
    });
    this.programs.set(`udp-${port}`, program);
    return program;
  }

  /** New ports of the Service: nginx takes them by SIGHUP, without breaking a connection. */
  async followPorts(): Promise<void> {
    const { tcp, udp } = this.#wiring.ports();
    const directory = join(this.context.stateDir, this.name);
    const plan = { name: this.name, ports: tcp, directory, siteDir: this.#siteDir };
    writeFileSync(join(directory, 'nginx.conf'), nginxConfig(plan));
    if (this.#nginx.isRunning) {
      this.#nginx.signal('SIGHUP');
      await this.#waitForPorts(tcp);
    }
    for (const port of udp) {
      const name = `${this.name}.udp-${port}`;
      if (!this.#udp.some((program) => program.name === name && program.isRunning))
        this.#udp.push(this.#startUdp(port));
    }
  }

  async #waitForPorts(ports: number[]): Promise<void> {
    const nginx = this.#nginx;
    await waitFor(`nginx of ${this.name} on ports ${ports.join(', ')}`, () => {
      if (!nginx.isRunning) return { notYet: `it ended: ${nginx.logText().slice(-1000)}` };
      const open = tcpSockets(nginx.pid).filter((socket) => socket.state === 'listen');
      return ports.every((port) => open.some((socket) => socket.localPort === port));
    });
  }

  async remove(): Promise<void> {
    await this.#wiring.gone(this);
    await this.kill();
    await this.removeNamespace();
  }
}

function serverPlan({ name, node, address }: { name: string; node: Node; address: string }) {
  return {
    kind: 'server' as const,
    name,
    address,
    links: [node.podLink(name.slice(-15), address)],
    ip: [`route add default via ${podGateway(node.index)}`],
    sysctls: { 'net.core.somaxconn': 4096 },
  };
}
