/**
 * Addresses of servers that the kernel takes for those of no host (the broadcast address of the pod's own subnet).
 * One of them must not withdraw every LB pod of the node: it is left out and told, and the others serve.
 */
import type { KernelDifference, WantedService } from './core/types.ts';

/** What an address is to the pod changes with the pod's own addresses, and those do not: it is tried again seldom. */
const restMs = 60_000;

export function createRefusedAddresses(nowMs: () => number) {
  const refused = new Map<string, { message: string; untilMs: number }>();

  /** With no other server, what is refused is a fault. */
  const othersServe = (wanted: readonly WantedService[]) =>
    wanted.some(({ realServers }) =>
      realServers.some(({ address, weight }) => weight > 0 && !refused.has(address)),
    );

  return {
    /** From now on those are tried again that were refused long ago. */
    forgetOld() {
      for (const [address, { untilMs }] of refused) if (untilMs <= nowMs()) refused.delete(address);
    },
    /** Whether this failure of a repair is one to go on with. */
    bears(
      failure: Error & { code?: string },
      of: KernelDifference,
      wanted: readonly WantedService[],
    ): boolean {
      if (failure.code !== 'SERVER_ADDRESS_REFUSED' || of.kind !== 'add-destination') return false;
      refused.set(of.destination.address, { message: failure.message, untilMs: nowMs() + restMs });
      return othersServe(wanted);
    },
    /** Without the servers that are left out. */
    mendable(differences: KernelDifference[], wanted: readonly WantedService[]): KernelDifference[] {
      if (refused.size === 0 || !othersServe(wanted)) return differences;
      return differences.filter(
        (each) => each.kind !== 'add-destination' || !refused.has(each.destination.address),
      );
    },
    /** What the kernel said of those that are wanted. */
    told(wanted: readonly WantedService[]): string[] {
      if (refused.size === 0) return [];
      const addresses = new Set(
        wanted.flatMap(({ realServers }) => realServers.map(({ address }) => address)),
      );
      return [...refused].filter(([address]) => addresses.has(address)).map(([, { message }]) => message);
    },
  };
}
