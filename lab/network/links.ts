import { readFileSync } from 'node:fs';
import { run } from './command.ts';

/** The two ends of a pod's veth. */
export interface Ends {
  podNetns: string;
  nodeNetns: string;
  /** Name of the end in the node. */
  port: string;
}

/**
 * Bytes that a frame takes on a wire beside what the kernel counts: preamble 8, FCS 4, gap 12. The thesis counts
 * them (665.36 bytes a request beside the body).
 */
const wireOverheadBytes = 24;

/** A link of this rate in both directions, as a wire: no segmentation offload, since no wire takes 64 kB frames. */
export async function limitLink(ends: Ends, rate: string): Promise<void> {
  if (!/^\d+[kmg]?bit$/.test(rate))
    throw new Error(`link rate ${rate}: wanted is a number with bit, kbit, mbit or gbit`);
  const shape = `root tbf rate ${rate} burst 16kb latency 100ms overhead ${wireOverheadBytes}`;
  await Promise.all([
    shapeEnd(ends.podNetns, 'eth0', `tc qdisc replace dev eth0 ${shape}`, 'off'),
    shapeEnd(ends.nodeNetns, ends.port, `tc qdisc replace dev ${ends.port} ${shape}`, 'off'),
  ]);
}

export async function unlimitLink(ends: Ends): Promise<void> {
  const remove = (device: string) => `tc qdisc del dev ${device} root 2>/dev/null || true`;
  await Promise.all([
    shapeEnd(ends.podNetns, 'eth0', remove('eth0'), 'on'),
    shapeEnd(ends.nodeNetns, ends.port, remove(ends.port), 'on'),
  ]);
}

async function shapeEnd(netns: string, device: string, tc: string, offloads: 'on' | 'off'): Promise<void> {
  const script = `${tc}\nethtool -K ${device} tso ${offloads} gso ${offloads} gro ${offloads} >/dev/null`;
  await run(['nsenter', `--net=${netns}`, '--', 'sh', '-e', '-c', script]);
}

export interface LinkUsage {
  sentBytes: number;
  sentPackets: number;
  /** As a wire would count: with preamble, FCS and gap of each packet. */
  sentWireBytes: number;
  receivedBytes: number;
  receivedPackets: number;
}

/** Counters of eth0 in the network namespace of a process (/proc/PID/net/dev): no program is started for it. */
export function readLinkUsage(pid: number): LinkUsage {
  const line = readFileSync(`/proc/${pid}/net/dev`, 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith('eth0:'));
  if (line === undefined) throw new Error(`process ${pid} has no eth0`);
  const counters = (line.split(':')[1] ?? '').trim().split(/\s+/).map(Number);
  const [receivedBytes = 0, receivedPackets = 0] = counters;
  const [sentBytes = 0, sentPackets = 0] = counters.slice(8);
  const sentWireBytes = sentBytes + sentPackets * wireOverheadBytes;
  return { sentBytes, sentPackets, sentWireBytes, receivedBytes, receivedPackets };
}
