/** The end of each turn: which servers live now, and what the lease says of it. */
import type { Logger } from '../common/log.ts';
import type { VirtualService } from './core/types.ts';
import type { KernelStep } from './kernel-step.ts';
import type { LeaseDecision } from './lease.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { Metrics } from './metrics.ts';
import { activeOf, countServers, reportChecks } from './report.ts';

export interface LeaseRenewalParts {
  readonly podName: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly kernel: KernelStep;
  readonly leaseKeeper: LeaseKeeper;
  readonly keepalived: { checkedOut(): ReadonlySet<string> };
}

export interface LeaseRenewal {
  renew(of: {
    service: string;
    lengthMs: number;
    holdDownMs: number;
    virtualServices: readonly VirtualService[];
    /** those that may be announced */
    prefixes: readonly string[];
    nothingYet: string | undefined;
    networkFault: string | undefined;
    stopping: boolean;
  }): Promise<LeaseDecision>;
}

export function createLeaseRenewal(parts: LeaseRenewalParts): LeaseRenewal {
  const { log, metrics, kernel, keepalived } = parts;
  let checkedOut: ReadonlySet<string> = new Set();
  return {
    async renew({ service, lengthMs, virtualServices, ...facts }) {
      const out = activeOf(virtualServices, keepalived.checkedOut());
      const before = activeOf(virtualServices, checkedOut);
      reportChecks(log, service, { before, now: out, ports: virtualServices });
      checkedOut = out;
      const { wanted, live } = countServers(virtualServices, keepalived.checkedOut());
      metrics.realServersWanted.set(wanted);
      metrics.realServersLive.set(live);
      const decision = await parts.leaseKeeper.renew(
        { pod: parts.podName, service, lengthMs },
        { ...facts, kernelFault: kernel.fault(), liveServers: live },
      );
      metrics.leaseSaysYes.set(decision.announce ? 1 : 0);
      return decision;
    },
  };
}
