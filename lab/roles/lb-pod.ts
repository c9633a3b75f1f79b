import { join } from 'node:path';
import type { LbPod, LbPodOptions } from '../api.ts';
import { Container } from '../containers/container.ts';
import { MountedConfig } from '../containers/mounted-config.ts';
import { metricValue, probe } from '../containers/probe.ts';
import type { LabContext } from '../context.ts';
import { type LinkUsage, limitLink, readLinkUsage, unlimitLink } from '../network/links.ts';
import { addNamespace, ipBatch } from '../network/namespaces.ts';
import { podGateway } from '../network/plan.ts';
import { waitFor } from '../wait.ts';
import { toYaml } from '../yaml.ts';
import { lbContainers } from './lb-containers.ts';
import { type LbDirectories, makeDirectories, readJson } from './lb-directories.ts';
import { defaultSettings, mergeSettings, withoutNulls } from './lb-settings.ts';
import { LbPodStatus } from './lb-status.ts';
import type { Node } from './node.ts';
import { BaseRole } from './role.ts';
import type { LabService } from './service.ts';

/** What the pod's securityContext.sysctls would be: /proc/sys is read-only in the containers. */
const podSysctls: Record<string, string | number> = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.vs.conntrack': 1,
  'net.ipv4.vs.expire_nodest_conn': 1,
  'net.ipv4.vs.conn_reuse_mode': 1,
  'net.ipv4.vs.sloppy_tcp': 0,
  'net.netfilter.nf_conntrack_tcp_be_liberal': 1,
};

/** An LB pod: controller and bgp-sidecar as containers in one network namespace, as a kubelet would run them. */
export class LabLbPod extends BaseRole implements LbPod {
  readonly service: LabService;
  readonly node: Node;
  readonly controller: Container;
  readonly sidecar: Container;
  state: LbPod['state'] = 'running';
  startedAtMs = 0;
  readonly #options: LbPodOptions;
  readonly #directories: LbDirectories;
  readonly #config: MountedConfig;
  readonly #templates: MountedConfig;
  readonly #status: LbPodStatus;
  #override: Record<string, unknown>;

  constructor(
    context: LabContext,
    name: string,
    options: LbPodOptions & { node: Node; service: LabService },
  ) {
    super(context, lbPodPlan(name, options.node, options.node.nextPodAddress()));
    this.service = options.service;
    this.node = options.node;
    this.#options = options;
    this.#override = options.settings ?? {};
    this.#directories = makeDirectories(context, this);
    this.#config = new MountedConfig(this.#directories.settings);
    this.#templates = new MountedConfig(this.#directories.templates);
    const plans = lbContainers(
      {
        name,
        podIP: this.address,
        nodeName: this.node.name,
        nodeIP: this.node.address,
        netns: this.netns,
        directories: this.#directories,
      },
      options,
    );
    this.controller = new Container(context, plans.controller);
    this.sidecar = new Container(context, plans.sidecar);
    this.#status = new LbPodStatus(this);
    this.programs.set('controller', this.controller);
    this.programs.set('sidecar', this.sidecar);
  }

  async create(): Promise<void> {
    for (const [name, text] of Object.entries(this.#options.secrets ?? {}))
      this.#config.write({ [name]: text });
    await this.updateSettings({});
    this.writeTemplates(this.service.templates);
    const wanted = Object.entries({ ...podSysctls, ...this.#options.sysctls }).filter(
      ([, value]) => value !== null,
    );
    await addNamespace({
      ...lbPodPlan(this.name, this.node, this.address),
      name: this.namespace,
      sysctls: Object.fromEntries(wanted) as Record<string, string | number>,
    });
    this.startedAtMs = performance.now();
    this.controller.revive();
    this.sidecar.revive();
    this.#status.start();
    this.context.atEnd(() => this.#status.stop());
  }

  get settings(): Record<string, unknown> {
    return mergeSettings(mergeSettings(defaultSettings(this.service), this.service.settings), this.#override);
  }

  get sharedDir(): string {
    return this.#directories.shared;
  }

  get isReady(): boolean {
    return this.#status.isReady;
  }

  async ready(deadlineMs = 90_000): Promise<void> {
    try {
      await waitFor(`${this.name} to be ready`, () => this.isReady || { notYet: this.#status.why }, {
        deadlineMs,
      });
    } catch (error) {
      const tails = [this.controller, this.sidecar].map(
        (container) =>
          `--- ${container.logFile}\n${container.logText().trim().split('\n').slice(-12).join('\n')}`,
      );
      throw new Error(`${(error as Error).message}\n${tails.join('\n')}`);
    }
  }

  async terminate({ graceSeconds = 30 }: { graceSeconds?: number } = {}) {
    const startedAtMs = performance.now();
    this.state = 'terminating';
    this.#status.terminating(graceSeconds);
    const containers = [this.controller, this.sidecar];
    for (const container of containers) {
      container.keepDead();
      container.signal('SIGTERM');
    }
    const killer = setTimeout(() => {
      for (const container of containers) void container.kill({ after: 'dead' });
    }, graceSeconds * 1000);
    const [controller, sidecar] = await Promise.all(
      containers.map((container) => container.waitForExit(graceSeconds * 1000 + 10_000)),
    );
    clearTimeout(killer);
    const durationMs = performance.now() - startedAtMs;
    await this.#remove();
    return { controller: controller as number, sidecar: sidecar as number, durationMs };
  }

  async kill({ link = 'gone' }: { link?: 'gone' | 'stays' } = {}): Promise<void> {
    this.state = 'terminating';
    if (link === 'gone') await ipBatch(this.node.namespace, [`link del ${this.#port}`]);
    await Promise.all([this.controller.kill({ after: 'dead' }), this.sidecar.kill({ after: 'dead' })]);
    await this.#remove();
  }

  async #remove(): Promise<void> {
    this.state = 'gone';
    this.#status.gone();
    this.context.onDescribe();
    await this.removeNamespace();
  }

  get #port(): string {
    return lbPodPort(this.name);
  }

  ipvs(): Promise<string> {
    return this.exec(['ipvsadm', '-L', '-n']);
  }

  lease(): Record<string, unknown> | undefined {
    return readJson(join(this.#directories.shared, 'lease.json'));
  }

  speakerState(): Record<string, unknown> | undefined {
    return readJson(join(this.#directories.shared, 'bgp-state.json'));
  }

  health(container: 'controller' | 'sidecar', path: string): Promise<{ status: number; body: string }> {
    return probe(this.address, this.#status.port(container), path);
  }

  async metric(
    container: 'controller' | 'sidecar',
    name: string,
    labels?: Record<string, string>,
  ): Promise<number | undefined> {
    const { body } = await this.health(container, '/metrics');
    return metricValue(body, name, labels);
  }

  async updateSettings(change: Record<string, unknown>): Promise<void> {
    this.#override = mergeSettings(this.#override, change);
    this.#config.write({ 'settings.yaml': toYaml(withoutNulls(this.settings)) });
    this.#status.write();
  }

  /** Replaces the whole settings file by this text, as it is. */
  /** undefined: the file is gone. */
  async writeSettingsText(text: string | undefined): Promise<void> {
    this.#config.write({ 'settings.yaml': text });
  }

  writeTemplates(files: Record<string, string | undefined>): void {
    if (Object.keys(files).length > 0) this.#templates.write(files);
  }

  limitLink(rate: string): Promise<void> {
    return limitLink({ podNetns: this.netns, nodeNetns: this.node.netns, port: this.#port }, rate);
  }

  unlimitLink(): Promise<void> {
    return unlimitLink({ podNetns: this.netns, nodeNetns: this.node.netns, port: this.#port });
  }

  linkUsage(): LinkUsage {
    const pid = this.controller.pid || this.sidecar.pid;
    if (pid === 0) throw new Error(`${this.name}: no container runs, so its link cannot be read`);
    return readLinkUsage(pid);
  }

  setLink(state: 'up' | 'down'): Promise<void> {
    return ipBatch(this.node.namespace, [`link set ${this.#port} ${state}`]);
  }
}

function lbPodPort(name: string): string {
  return name.slice(-15);
}

function lbPodPlan(name: string, node: Node, address: string) {
  return {
    kind: 'lb' as const,
    name,
    address,
    links: [node.podLink(lbPodPort(name), address)],
    ip: [`route add default via ${podGateway(node.index)}`],
  };
}
