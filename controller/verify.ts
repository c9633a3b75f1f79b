/**
 * verify: what the kernel's IPVS holds, against what is wanted. keepalived is given time to do its work; a
 * difference that stays although nothing moves any more is a fault and is repaired entry by entry over
 * generic netlink. A SIGHUP would not do it: keepalived sends nothing again that it believes unchanged
 * (keepalived issues 1018, 1877). A server whose address IPVS refuses is left out, and the others serve.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { compareKernel } from './core/difference.ts';
import type { KernelDifference, WantedService } from './core/types.ts';
import type { Ipvs } from './kernel/ipvs.ts';
import { createRefusedAddresses } from './refused-addresses.ts';

export interface Verified {
  /** Why the kernel does not hold what is wanted, after repair; undefined when it does. */
  readonly fault: string | undefined;
  readonly repaired: readonly KernelDifference[];
  /** What the kernel said of each server whose address it refuses; there are others that serve. */
  readonly leftOut: readonly string[];
}

export interface Verifier {
  /** Waits while the differences grow fewer; repairs those that stayed for `patienceMs` without progress. */
  verify(wanted: readonly WantedService[], patienceMs: number): Promise<Verified>;
}

export interface VerifierParts {
  /** Opened when first needed; rejects with what this pod lacks. */
  readonly ipvs: () => Promise<Ipvs>;
  /** Servers that keepalived's checks took out, 'mark address:port'. */
  readonly checkedOut: () => ReadonlySet<string>;
  readonly nowMs: () => number;
}

const firstLookMs = 5;
const longestRestMs = 50;
/** Reading ten thousand servers is work too, for the kernel and for us: keepalived gets most of the time. */
const restPerLookMs = 3;
/** What keepalived changes while entries are repaired (a check that takes a server out) is no fault of the kernel. */
const rounds = 3;

export function createVerifier({ ipvs, checkedOut, nowMs }: VerifierParts): Verifier {
  const refused = createRefusedAddresses(nowMs);

  const read = async (wanted: readonly WantedService[]) => {
    const services = await (await ipvs()).services();
    const differences = compareKernel([...wanted], services, new Set(checkedOut()));
    return refused.mendable(differences, wanted);
  };

  const settle = async (wanted: readonly WantedService[], patienceMs: number) => {
    let lookedAtMs = nowMs();
    let differences = await read(wanted);
    let fewest = differences.length;
    let progressAtMs = nowMs();
    for (let restMs = firstLookMs; differences.length > 0; restMs = Math.min(restMs * 2, longestRestMs)) {
      if (nowMs() - progressAtMs >= patienceMs) break;
      await sleep(Math.max(restMs, restPerLookMs * (nowMs() - lookedAtMs)));
      lookedAtMs = nowMs();
      differences = await read(wanted);
      if (differences.length < fewest) {
        fewest = differences.length;
        progressAtMs = nowMs();
      }
    }
    return differences;
  };

  return {
    async verify(wanted, patienceMs) {
      const repaired: KernelDifference[] = [];
      refused.forgetOld();
      let differences = await settle(wanted, patienceMs);
      let failure: Error | undefined;
      for (let round = 1; differences.length > 0 && round <= rounds && !failure; round++) {
        // a fault withdraws the prefixes at once, so what is new since the last round gets its patience too
        if (round > 1) differences = await settle(wanted, patienceMs);
        for (const difference of differences) {
          try {
            await repair(await ipvs(), difference);
            repaired.push(difference);
          } catch (error) {
            if (!refused.bears(error as Error, difference, wanted)) failure ??= error as Error;
          }
        }
        if (differences.length > 0) differences = await read(wanted);
      }
      return {
        fault: differences.length === 0 ? undefined : describeFault(differences, failure),
        repaired,
        leftOut: differences.length === 0 ? refused.told(wanted) : [],
      };
    },
  };
}

function describeFault(differences: readonly KernelDifference[], failure: Error | undefined): string {
  const first = differences[0]?.why ?? '';
  const cause = failure ? `; repair failed: ${failure.message}` : '';
  return `IPVS differs from what is wanted in ${differences.length} entries, first: ${first}${cause}`;
}

async function repair(ipvs: Ipvs, difference: KernelDifference): Promise<void> {
  switch (difference.kind) {
    case 'add-service':
      return ipvs.addService(difference.service);
    case 'set-service':
      return ipvs.setService(difference.service);
    case 'delete-service':
      return ipvs.deleteService(difference.service);
    case 'add-destination':
      return ipvs.addDestination(difference.service, difference.destination);
    case 'set-destination':
      return ipvs.setDestination(difference.service, difference.destination);
    case 'delete-destination':
      return ipvs.deleteDestination(difference.service, difference.destination);
  }
}
