/** What is looked at beside the loop's work: numbers for /metrics, and warnings before NAT runs out of something. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../common/log.ts';
import { busiestServerShare, readConntrack } from './kernel/conntrack.ts';
import type { Ipvs } from './kernel/ipvs.ts';
import type { Metrics } from './metrics.ts';
import { createTeller } from './report.ts';

const everyMs = 5000;
const warnAtShare = 0.8;

export interface ObserverParts {
  readonly ipvs: () => Promise<Ipvs>;
  readonly keepalived: { readonly restarts: number };
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Runs until aborted; a number that cannot be read is told once and tried again. */
export async function observe(parts: ObserverParts, signal: AbortSignal): Promise<void> {
  const tell = createTeller((text) => parts.log.warn('capacity', {}, text));
  while (!signal.aborted) {
    parts.metrics.keepalivedRestarts.set(parts.keepalived.restarts);
    const warnings = [
      ...(await look(() => lookAtConntrack(parts))),
      ...(await look(() => lookAtMasquerade(parts))),
      ...(await look(() => lookAtTraffic(parts))),
    ];
    tell(warnings);
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

async function look(at: () => Promise<string[]>): Promise<string[]> {
  try {
    return await at();
  } catch (error) {
    return [(error as Error).message];
  }
}

async function lookAtConntrack({ metrics }: ObserverParts): Promise<string[]> {
  const { entries, limit, insertFailed, dropped } = await readConntrack();
  metrics.conntrackEntries.set(entries);
  metrics.conntrackLimit.set(limit);
  metrics.conntrackInsertFailed.set(insertFailed);
  metrics.conntrackDropped.set(dropped);
  if (entries < limit * warnAtShare) return [];
  return [
    `conntrack holds over ${percent(warnAtShare)} of its limit of ${limit} entries: new flows will be dropped when it is full; add LB pods, or raise net.netfilter.nf_conntrack_max on the node`,
  ];
}

async function lookAtMasquerade({ ipvs, metrics }: ObserverParts): Promise<string[]> {
  const { share, server } = busiestServerShare(await (await ipvs()).services());
  metrics.masqueradeShare.set(share);
  if (share < warnAtShare) return [];
  return [
    `real server ${server} uses over ${percent(warnAtShare)} of the masquerade's source ports: new flows to it will fail when they are used up; add LB pods or real servers`,
  ];
}

async function lookAtTraffic({ ipvs, metrics }: ObserverParts): Promise<string[]> {
  const held = await (await ipvs()).counters();
  // The kernel's counters as they stand; a virtual service that has gone takes its own with it.
  for (const counter of [metrics.packets, metrics.bytes, metrics.connections]) counter.reset();
  for (const { service, counters } of held) {
    const labels = { mark: String(service.mark ?? 'none') };
    metrics.packets.inc(labels, Number(counters.inPackets));
    metrics.bytes.inc(labels, Number(counters.inBytes));
    metrics.connections.inc(labels, Number(counters.connections));
  }
  return [];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
