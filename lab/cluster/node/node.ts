import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { usableProcessors } from '../../kernel/processors.ts';
import { cutPower, endKernel, execInKernel, isKernelUp, runInKernel } from '../../kernel/run.ts';
import { run } from '../../network/command.ts';
import { macOf, nodeAddress, podCidr } from '../../network/plan.ts';
import type { ClusterNode } from '../api.ts';
import { type ClusterPaths, nodeName } from '../plan.ts';
import type { ClusterSetUp } from '../set-up.ts';

const memoryMiB = 2048;

/** One guest. Any process of the cluster may own such an object: what it holds is found by paths. */
export class Node implements ClusterNode {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  readonly runDir: string;
  readonly #setUp: ClusterSetUp;
  readonly #switch: string;

  /** `switchNetns`: where the fabric's switch is. */
  constructor(paths: ClusterPaths, setUp: ClusterSetUp, index: number, switchNetns: string) {
    this.index = index;
    this.name = nodeName(index);
    this.address = nodeAddress(index);
    this.podCidr = podCidr(index);
    this.runDir = paths.node(index);
    this.#setUp = setUp;
    this.#switch = switchNetns;
  }

  get #card(): string {
    return `card-${this.name}`;
  }

  /** Its port of the switch. */
  async plugIn(): Promise<void> {
    const lines = [
      `link add ${this.name} type veth peer name ${this.#card}`,
      `link set ${this.name} master fabric up`,
      `link set ${this.#card} up`,
    ];
    await run(['nsenter', `--net=${this.#switch}`, '--', 'ip', '-batch', '-'], {
      input: `${lines.join('\n')}\n`,
    });
  }

  async start(): Promise<void> {
    mkdirSync(this.runDir, { recursive: true });
    const output = createWriteStream(join(this.runDir, 'start.log'), { flags: 'a' });
    const processors = usableProcessors();
    const code = await runInKernel(this.#setUp.guest, {
      command: ['sh', 'lab/cluster/node/start.sh'],
      runDir: this.runDir,
      memoryMiB,
      processor: processors[this.index % processors.length] ?? 0,
      hardware: {
        card: { netns: this.#switch, device: this.#card, mac: macOf(this.address) },
        disk: { base: this.#setUp.disk, changes: join(this.runDir, 'disk.cow') },
      },
      output,
    });
    output.end();
    if (code !== 0)
      throw new Error(`${this.name} does not start (${code}); see ${join(this.runDir, 'start.log')}`);
  }

  isUp(): Promise<boolean> {
    return isKernelUp(this.runDir);
  }

  kill(): Promise<void> {
    return cutPower(this.runDir);
  }

  async shutDown(): Promise<void> {
    await this.exec(['sync']);
    await endKernel(this.runDir);
  }

  async exec(command: string[]): Promise<string> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const said = Promise.all([text(stdout), text(stderr)]);
    const env = { PATH: `${this.#setUp.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` };
    const code = await execInKernel(this.runDir, command, { stdout, stderr, env }).finally(() => {
      stdout.end();
      stderr.end();
    });
    const [out, err] = await said;
    if (code !== 0)
      throw new Error(`${this.name}: ${command.join(' ')}: exit ${code}: ${(err + out).slice(-2000)}`);
    return out;
  }

  async stopProgram(name: 'kubelet' | 'containerd' | 'kube-proxy'): Promise<void> {
    await this.exec(['sh', '-c', `touch /run/stopped/${name}; kill -9 $(cat /run/${name}.pid)`]);
  }

  async startProgram(name: 'kubelet' | 'containerd' | 'kube-proxy'): Promise<void> {
    await this.exec(['rm', '-f', `/run/stopped/${name}`]);
  }
}
