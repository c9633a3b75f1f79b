/** The end of each turn: which servers live now, and what the lease says of it. */
import type { Logger } from '../common/log.ts';
import type { Settings } from '../common/settings.ts';
import type { KernelStep } from './kernel-step.ts';
import type { LeaseDecision } from './lease.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { Metrics } from './metrics.ts';
import type { NetworkStep } from './network-step.ts';
import type { Plan } from './plan.ts';
import { activeOf, countServers, reportChecks } from './report.ts';

export interface LeaseRenewalParts {
  readonly podName: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly kernel: KernelStep;
  readonly network: NetworkStep;
  readonly leaseKeeper: LeaseKeeper;
  readonly keepalived: { checkedOut(): ReadonlySet<string> };
}

export interface LeaseRenewal {
  renew(of: {
    service: string;
    settings: Settings;
    plan: Plan | undefined;
    stopping: boolean;
  }): Promise<LeaseDecision>;
}

export function createLeaseRenewal(parts: LeaseRenewalParts): LeaseRenewal {
  const { log, metrics, kernel, network, keepalived } = parts;
  let checkedOut: ReadonlySet<string> = new Set();
  return {
    async renew({ service, settings, plan, stopping }) {
      const virtualServices = plan?.virtualServices ?? [];
      const out = activeOf(virtualServices, keepalived.checkedOut());
      const before = activeOf(virtualServices, checkedOut);
      reportChecks(log, service, { before, now: out, ports: virtualServices });
      checkedOut = out;
      const { wanted, live } = countServers(virtualServices, keepalived.checkedOut());
      metrics.realServersWanted.set(wanted);
      metrics.realServersLive.set(live);
      const reachable = network.reachable();
      const { seconds, holdDownSeconds } = settings.lease;
      const decision = await parts.leaseKeeper.renew(
        { pod: parts.podName, service, lengthMs: seconds * 1000 },
        {
          holdDownMs: holdDownSeconds * 1000,
          snapshotSeen: plan !== undefined,
          networkFault: network.fault(),
          kernelFault: kernel.fault(),
          liveServers: live,
          prefixes: (plan?.announcePrefixes ?? []).filter((prefix) => reachable.includes(prefix)),
          stopping,
        },
      );
      metrics.leaseSaysYes.set(decision.announce ? 1 : 0);
      return decision;
    },
  };
}
