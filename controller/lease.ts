/**
 * The lease: what the controller tells the bgp-sidecar. Yes while the kernel is known to hold what is wanted
 * and some server lives; never no for a reason that leaves the kernel's rules right (an old snapshot, refused
 * settings, keepalived or the API server down).
 */
import type { Lease } from '../common/lease.ts';

export interface LeaseFacts {
  readonly nowMs: number;
  readonly holdDownMs: number;
  /** Why no rules are wanted yet; undefined once some are. */
  readonly nothingYet: string | undefined;
  /** Why the pod's network is not as wanted; undefined when it is. */
  readonly networkFault: string | undefined;
  /** Why the kernel's IPVS does not hold what is wanted; undefined when it does. */
  readonly kernelFault: string | undefined;
  /** Servers with a weight that no check took out, over all virtual services. */
  readonly liveServers: number;
  /** Since when there has been no live server (ms), undefined while there is one. */
  readonly serverlessSinceMs: number | undefined;
  readonly prefixes: readonly string[];
  readonly stopping: boolean;
}

export interface LeaseDecision {
  readonly announce: boolean;
  readonly reason: string;
}

/** `before` is what was decided last: without servers a yes outlives the hold-down, a no does not turn yes. */
export function decideLease(facts: LeaseFacts, before: LeaseDecision | undefined): LeaseDecision {
  const no = (reason: string): LeaseDecision => ({ announce: false, reason });
  if (facts.stopping) return no('the pod is stopping');
  if (facts.nothingYet !== undefined) return no(facts.nothingYet);
  if (facts.networkFault !== undefined) return no(facts.networkFault);
  if (facts.kernelFault !== undefined) return no(facts.kernelFault);
  if (facts.prefixes.length === 0) return no('no VIP prefix is ready to be announced');
  if (facts.liveServers > 0) return { announce: true, reason: 'rules verified' };
  const serverlessMs = facts.nowMs - (facts.serverlessSinceMs ?? facts.nowMs);
  const held = before?.announce === true && serverlessMs < facts.holdDownMs;
  return held ? { announce: true, reason: 'no live server, held down' } : no('no live server');
}

export interface LeaseIdentity {
  readonly pod: string;
  readonly service: string;
  readonly lengthMs: number;
  readonly sandbox?: string | undefined;
}

export function makeLease(
  identity: LeaseIdentity,
  decision: LeaseDecision,
  prefixes: readonly string[],
  nowMs: number,
): Lease {
  return {
    version: 1,
    pod: identity.pod,
    service: identity.service,
    announce: decision.announce,
    reason: decision.reason,
    prefixes: [...prefixes],
    renewedAtMs: nowMs,
    lengthMs: identity.lengthMs,
    ...(identity.sandbox === undefined ? {} : { sandbox: identity.sandbox }),
  };
}
