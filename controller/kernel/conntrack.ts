/** What NAT uses up first: entries of conntrack, and ports of the masquerade. */
import { readFile } from 'node:fs/promises';
import { systemCode } from '../../common/problem.ts';
import type { IpvsService } from '../core/types.ts';
import { problems } from './errors.ts';

export interface Conntrack {
  readonly entries: number;
  readonly limit: number;
  /** Flows lost because their translated addresses were taken already (counted since the pod's start). */
  readonly insertFailed: number;
  /** Packets dropped because no entry could be made: above all, the table was full. */
  readonly dropped: number;
  /** Entries of other flows thrown out early to make room. */
  readonly evicted: number;
}

/** Of this network namespace. Throws Problem when the kernel does not tell. */
export async function readConntrack(directory = '/proc'): Promise<Conntrack> {
  // one after the other: of several that are missing it is always the first that is told
  const entries = await readKernelFile(`${directory}/sys/net/netfilter/nf_conntrack_count`);
  const limit = await readKernelFile(`${directory}/sys/net/netfilter/nf_conntrack_max`);
  const statistics = await readKernelFile(`${directory}/net/stat/nf_conntrack`);
  const sums = sumStatistics(statistics);
  return {
    entries: Number(entries),
    limit: Number(limit),
    insertFailed: sums.insert_failed ?? 0,
    dropped: sums.drop ?? 0,
    evicted: sums.early_drop ?? 0,
  };
}

/** net/netfilter/nf_conntrack_standalone.c ct_cpu_seq_show: a line of names, then one of hexadecimals per CPU. */
export function sumStatistics(text: string): Record<string, number> {
  const [names = [], ...perCpu] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return Object.fromEntries(
    names.map((name, column) => [
      name,
      perCpu.reduce((sum, counts) => sum + Number.parseInt(counts[column] ?? '0', 16), 0),
    ]),
  );
}

/** nf_nat_l4proto_unique_tuple (net/netfilter/nf_nat_core.c): a client port of 1024 or more becomes one of 1024–65535. */
export const masqueradePorts = 65535 - 1024 + 1;

/**
 * Flows to the busiest real server, as a share of the source ports that the masquerade has towards one address
 * and port. Virtual services that share a server share its ports; TCP and UDP on one port are counted together,
 * so this is never too low.
 */
export function busiestServerShare(services: readonly IpvsService[]): {
  share: number;
  server: string | undefined;
} {
  const flows = new Map<string, number>();
  for (const { destinations } of services)
    for (const { address, port, activeConnections, inactiveConnections } of destinations) {
      const server = `${address}:${port}`;
      flows.set(server, (flows.get(server) ?? 0) + activeConnections + inactiveConnections);
    }
  let busiest: { share: number; server: string | undefined } = { share: 0, server: undefined };
  for (const [server, count] of flows)
    if (busiest.server === undefined || count / masqueradePorts > busiest.share)
      busiest = { share: count / masqueradePorts, server };
  return busiest;
}

async function readKernelFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw problems.CONNTRACK_UNREADABLE(file, systemCode(error) ?? String(error));
  }
}
