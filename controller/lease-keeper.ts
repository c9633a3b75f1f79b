/** Writes the lease at every turn of the loop: a loop that stands still lets it lapse. */
import { type Lease, writeLease } from '../common/lease.ts';
import type { Logger } from '../common/log.ts';
import { problems } from './errors.ts';
import { decideLease, type LeaseDecision, type LeaseFacts, type LeaseIdentity, makeLease } from './lease.ts';
import { createTeller } from './report.ts';

/** A little less than the second of the loop's tick. */
const renewEveryMs = 900;

export interface LeaseKeeper {
  renew(
    identity: LeaseIdentity,
    facts: Omit<LeaseFacts, 'nowMs' | 'serverlessSinceMs'>,
  ): Promise<LeaseDecision>;
}

export interface LeaseKeeperParts {
  readonly file: string;
  readonly log: Logger;
  readonly nowMs: () => number;
  /** sandboxName() of this pod. */
  readonly sandbox?: string | undefined;
  readonly write?: (file: string, lease: Lease) => Promise<void>;
}

export function createLeaseKeeper({
  file,
  log,
  nowMs,
  sandbox,
  write = writeLease,
}: LeaseKeeperParts): LeaseKeeper {
  let decision: LeaseDecision | undefined;
  let written = '';
  let writtenAtMs = -Infinity;
  let serverlessSinceMs: number | undefined;
  const tell = createTeller((text) => log.error('lease', {}, text));

  return {
    async renew(identity, facts) {
      const now = nowMs();
      serverlessSinceMs = facts.liveServers > 0 ? undefined : (serverlessSinceMs ?? now);
      const before = decision;
      decision = decideLease({ ...facts, nowMs: now, serverlessSinceMs }, before);
      const { announce, reason } = decision;
      if (before?.announce !== announce || before.reason !== reason) {
        const word = announce ? 'yes' : 'no';
        log.info('lease', { announce, prefixes: facts.prefixes }, `lease says ${word}: ${reason}`);
      }
      const key = JSON.stringify([decision, facts.prefixes, identity]);
      if (key === written && now - writtenAtMs < renewEveryMs) return decision;
      try {
        await write(file, makeLease({ ...identity, sandbox }, decision, facts.prefixes, now));
        written = key;
        writtenAtMs = now;
        tell([]);
      } catch (error) {
        tell([problems.LEASE_UNWRITABLE(file, (error as Error).message).message]);
      }
      return decision;
    },
  };
}
