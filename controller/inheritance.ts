/**
 * Rules that a controller before this one left in the kernel (its container was started again), while nothing newer can
 * be taken up: the API server is away, the settings or the Service are refused. They are tended as they were left:
 * keepalived with its checks on the files in place, drift put right, the lease renewed that said yes last. The packet
 * rules are left alone: only settings say what they are to be.
 */
import type { Lease } from '../common/lease.ts';
import type { Logger } from '../common/log.ts';
import { reasonOf } from '../common/problem.ts';
import { startOnce } from './apply.ts';
import { type Inherited, readInherited } from './core/inherited.ts';
import type { RenderedFiles, RenderPaths } from './core/types.ts';
import type { Keepalived } from './keepalived/process.ts';
import type { KernelStep } from './kernel-step.ts';
import type { LeaseDecision } from './lease.ts';
import type { LeaseRenewal } from './lease-renewal.ts';

/** What is newest is usually there within this, and then nothing is tended as it was. */
const graceMs = 3000;
const patienceMs = 1000;

export interface Inheritance {
  /** undefined: there is nothing that could be tended, or not yet. */
  tend(holdDownMs: number): Promise<LeaseDecision | undefined>;
}

export interface InheritanceParts {
  readonly log: Logger;
  readonly nowMs: () => number;
  /** keepalived's files in place */
  readonly files: { current(): RenderedFiles | undefined };
  readonly paths: RenderPaths;
  /** The lease as the controller before left it. */
  readonly lease: Lease | undefined;
  readonly keepalived: Pick<Keepalived, 'started' | 'start'>;
  readonly kernel: KernelStep;
  readonly leaseRenewal: LeaseRenewal;
}

export function createInheritance(parts: InheritanceParts): Inheritance {
  const { log, nowMs, files, lease, keepalived, kernel } = parts;
  const startedAtMs = nowMs();
  let inherited: Inherited | undefined;
  let isOver = lease?.announce !== true;

  function takeOver(): Inherited | undefined {
    const current = files.current();
    try {
      if (current === undefined) throw new Error("keepalived's files are gone");
      const read = readInherited(current, parts.paths);
      const servers = read.wanted.reduce((sum, { realServers }) => sum + realServers.length, 0);
      const words = `nothing newer can be taken up yet: the rules of the controller before (${servers} servers), their checks and the lease are kept up`;
      log.warn('inherited', { service: lease?.service, servers }, words);
      return read;
    } catch (problem) {
      isOver = true;
      const words = `nothing newer can be taken up yet, and the rules of the controller before cannot be tended (${reasonOf(problem)}): they stay as they are, the lease is not renewed`;
      log.warn('inherited', { service: lease?.service }, words);
      return undefined;
    }
  }

  return {
    async tend(holdDownMs) {
      if (isOver || lease === undefined || nowMs() - startedAtMs < graceMs) return undefined;
      inherited ??= takeOver();
      if (inherited === undefined) return undefined;
      await startOnce(keepalived);
      await kernel.hold(lease.service, inherited.wanted, patienceMs);
      return parts.leaseRenewal.renew({
        service: lease.service,
        lengthMs: lease.lengthMs,
        holdDownMs,
        virtualServices: inherited.virtualServices,
        prefixes: lease.prefixes,
        nothingYet: undefined,
        networkFault: undefined,
        stopping: false,
      });
    },
  };
}
