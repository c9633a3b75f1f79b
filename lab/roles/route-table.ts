import { createInterface } from 'node:readline';
import type { Role, RouteChange } from '../api.ts';
import type { LabContext } from '../context.ts';
import { inNamespace } from '../network/command.ts';

/** The kernel's routes of a namespace, followed by `ip monitor`, with the time of each change. */
export class RouteTable {
  readonly #changes = new Map<string, RouteChange[]>();

  static async follow(context: LabContext, role: Role): Promise<RouteTable> {
    const table = new RouteTable();
    const monitor = context.start({
      name: `${role.name}.routes`,
      command: inNamespace(role.netns, ['stdbuf', '-oL', 'ip', '-4', '-o', 'monitor', 'route']),
      stdout: 'pipe',
    });
    createInterface({ input: monitor.stdout }).on('line', (line) => table.take(line));
    return table;
  }

  /** Those that were there before we followed. */
  async readNow(role: Role): Promise<void> {
    const text = await role.exec(['ip', '-4', '-o', 'route', 'show']);
    for (const line of text.split('\n')) this.take(line);
  }

  /** A line as `203.0.113.0/28 proto bird metric 32 \	nexthop via 10.0.0.1 dev eth0 weight 1 \	nexthop …`. */
  take(line: string): void {
    const deleted = line.startsWith('Deleted ');
    const words = line.replace(/^Deleted /, '').trim();
    const destination = /^(?:unicast )?(\d+\.\d+\.\d+\.\d+(?:\/\d+)?)\s/.exec(`${words} `)?.[1];
    if (destination === undefined) return;
    const prefix = destination.includes('/') ? destination : `${destination}/32`;
    const gateways = [...words.matchAll(/\bvia (\d+\.\d+\.\d+\.\d+)/g)].map((match) => match[1] as string);
    const nextHops = deleted ? [] : sortAddresses([...new Set(gateways)]);
    const history = this.#changes.get(prefix) ?? [];
    if ((history.at(-1)?.nextHops ?? []).join() === nextHops.join() && history.length > 0) return;
    history.push({ atMs: performance.now(), nextHops });
    this.#changes.set(prefix, history);
  }

  nextHops(prefix: string): string[] {
    return this.#changes.get(prefix)?.at(-1)?.nextHops ?? [];
  }

  history(prefix: string): RouteChange[] {
    return [...(this.#changes.get(prefix) ?? [])];
  }
}

function sortAddresses(addresses: string[]): string[] {
  return addresses.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}
