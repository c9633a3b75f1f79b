import { z } from 'zod';
import { parsePrefix } from './cidr.ts';
import { readState, type StateRead, writeState } from './state-file.ts';

/** What the controller tells the sidecar; times are milliseconds of monotonicMs(). */
export interface Lease {
  version: 1;
  pod: string;
  /** namespace/name */
  service: string;
  announce: boolean;
  /** why it says so, for people */
  reason: string;
  prefixes: string[];
  renewedAtMs: number;
  lengthMs: number;
}

const schema: z.ZodType<Lease> = z.object({
  version: z.literal(1),
  pod: z.string(),
  service: z.string(),
  announce: z.boolean(),
  reason: z.string(),
  prefixes: z.array(
    z.string().refine((text) => typeof parsePrefix(text) !== 'string', 'is not an IP prefix'),
  ),
  renewedAtMs: z.number(),
  lengthMs: z.number().positive(),
});

export type LeaseRead = StateRead<'lease', Lease>;

export function writeLease(path: string, lease: Lease): Promise<void> {
  return writeState(path, lease);
}

export function readLease(path: string): Promise<LeaseRead> {
  return readState(path, 'lease', schema);
}

/** A lease from the future is one from before a reboot: the monotonic clock started again, the emptyDir stayed. */
export function isLapsed(lease: Lease, nowMs: number): boolean {
  return nowMs - lease.renewedAtMs > lease.lengthMs || lease.renewedAtMs > nowMs + toleranceMs;
}

const toleranceMs = 1_000;
