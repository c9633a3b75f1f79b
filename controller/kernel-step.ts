/** The kernel's IPVS as a step of the turn: verified, repaired, told. */
import type { Logger } from '../common/log.ts';
import type { WantedService } from './core/types.ts';
import type { Metrics } from './metrics.ts';
import { createTeller, reportRepair } from './report.ts';
import type { Verifier } from './verify.ts';

export interface KernelStep {
  /** Resolves when the kernel holds what is wanted, or when that was given up. */
  hold(service: string, wanted: readonly WantedService[], patienceMs: number): Promise<void>;
  /** Why the kernel does not hold what is wanted; undefined when it does. */
  fault(): string | undefined;
}

export interface KernelStepParts {
  readonly verifier: Verifier;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export function createKernelStep({ verifier, log, metrics }: KernelStepParts): KernelStep {
  let fault: string | undefined = 'nothing has been applied yet';
  const tell = createTeller((text) => log.error('kernel', {}, text));
  const tellLeftOut = createTeller((text) => log.warn('endpoints', {}, `left out: ${text}`));
  return {
    async hold(service, wanted, patienceMs) {
      const verified = await verifier.verify(wanted, patienceMs);
      fault = verified.fault;
      tell(fault === undefined ? [] : [fault]);
      tellLeftOut(verified.leftOut);
      metrics.drift.inc(verified.repaired.length);
      metrics.kernelHolds.set(fault === undefined ? 1 : 0);
      reportRepair(log, service, verified.repaired);
    },
    fault: () => fault,
  };
}
