/** Network namespaces of one test: client, LB pod and two servers on a node that routes between them. */
import { execFileSync } from 'node:child_process';
import { type Actor, startActor } from './actors.ts';

export const addresses = {
  client: '10.0.1.2',
  pod: '10.42.0.2',
  servers: ['10.42.1.2', '10.42.2.2'],
} as const;

/** Runs a command; its output goes into the error when it fails. */
export function run(...command: readonly string[]): string {
  const [file = '', ...args] = command;
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
  }
}

let made = 0;

export class Namespaces {
  readonly #names: string[] = [];
  readonly #actors: Actor[] = [];

  /** A name that no other test has; remove() takes it away again. */
  add(role: string): string {
    made += 1;
    const name = `plb-${process.pid}-${made}-${role}`;
    run('ip', 'netns', 'add', name);
    this.#names.push(name);
    run('ip', '-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  async actor(name: string): Promise<Actor> {
    const actor = await startActor(['ip', 'netns', 'exec', name]);
    this.#actors.push(actor);
    return actor;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#actors.splice(0).map((actor) => actor.stop()));
    for (const name of this.#names.splice(0)) run('ip', 'netns', 'delete', name);
  }
}

export interface Topology {
  readonly names: { client: string; node: string; pod: string };
  readonly client: Actor;
  readonly pod: Actor;
  readonly servers: readonly Actor[];
  remove(): Promise<void>;
}

/** client ── node ── pod, node ── server 1, node ── server 2; the node sends the prefix to the pod. */
export async function buildTopology(prefix: string): Promise<Topology> {
  const namespaces = new Namespaces();
  try {
    const node = namespaces.add('node');
    run('ip', 'netns', 'exec', node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const attach = (role: string, address: string) => {
      const name = namespaces.add(role);
      const gateway = address.replace(/\.2$/, '.1');
      run('ip', '-n', node, 'link', 'add', role, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      run('ip', '-n', node, 'address', 'add', `${gateway}/24`, 'dev', role);
      run('ip', '-n', node, 'link', 'set', role, 'up');
      run('ip', '-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
      run('ip', '-n', name, 'link', 'set', 'eth0', 'up');
      run('ip', '-n', name, 'route', 'add', 'default', 'via', gateway);
      return name;
    };
    const client = attach('client', addresses.client);
    const pod = attach('pod', addresses.pod);
    const servers = addresses.servers.map((address, index) => attach(`server${index + 1}`, address));
    run('ip', '-n', node, 'route', 'add', prefix, 'via', addresses.pod);
    const actors = await Promise.all([client, pod, ...servers].map((name) => namespaces.actor(name)));
    const [clientActor, podActor, ...serverActors] = actors;
    if (!clientActor || !podActor) throw new Error('no actors');
    const remove = () => namespaces.remove();
    return {
      names: { client, node, pod },
      client: clientActor,
      pod: podActor,
      servers: serverActors,
      remove,
    };
  } catch (error) {
    await namespaces.remove();
    throw error;
  }
}
