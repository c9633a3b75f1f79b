/** The packet rules of an LB pod, whichever tool makes them. */
import type { Protocol } from '../core/types.ts';

export interface MarkedPort {
  readonly protocol: Protocol;
  readonly port: number;
  readonly mark: number;
}

export interface PacketRules {
  readonly prefixes: readonly string[];
  readonly ports: readonly MarkedPort[];
  readonly unmatched: 'reject' | 'drop';
}

export interface RulesTool {
  readonly name: 'nft' | 'iptables';
  /** Can this kernel do it, really? Changes nothing. A string says why not; lack of a privilege throws Problem. */
  probe(): Promise<string | undefined>;
  /**
   * One more for each change of whatever rules the kernel has, and 1 before the first; undefined where it does not
   * say. Never throws.
   */
  generation?(): Promise<number | undefined>;
  /** Our rules as the kernel holds them, one a line; [] when there are none. Throws Problem. */
  read(): Promise<string[]>;
  /**
   * Puts these in the place of whatever rules of ours there are, in one step. No prefixes: removes all. Throws Problem.
   * @param held what `read` just gave
   */
  replace(rules: PacketRules, held: readonly string[]): Promise<void>;
}

/**
 * ICMP that a VIP takes besides echo requests: errors about flows of IPVS (path MTU above all), which IPVS
 * hands on to the real server (ip_vs_in_icmp, at LOCAL_IN like everything else).
 */
export const acceptedIcmp = [
  'echo-request',
  'destination-unreachable',
  'time-exceeded',
  'parameter-problem',
] as const;

export function marksOf(rules: PacketRules): number[] {
  return [...new Set(rules.ports.map(({ mark }) => mark))].sort((a, b) => a - b);
}

/** In an order of its own, so that the same rules give the same text. */
export function canonical(rules: PacketRules): PacketRules {
  const byPort = (a: MarkedPort, b: MarkedPort) => a.protocol.localeCompare(b.protocol) || a.port - b.port;
  return { ...rules, prefixes: [...rules.prefixes].sort(), ports: [...rules.ports].sort(byPort) };
}

/** Used to try what a kernel can do: everything that rules may hold (192.0.2.0/24 is for documentation, RFC 5737). */
export const sampleRules: PacketRules = {
  prefixes: ['192.0.2.0/24'],
  ports: [
    { protocol: 'TCP', port: 80, mark: 1 },
    { protocol: 'UDP', port: 53, mark: 2 },
  ],
  unmatched: 'reject',
};
