import * as z from 'zod';
import { parsePrefix } from './cidr.ts';
import { sandboxName } from './sandbox.ts';
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
  /** the network namespace whose rules it speaks of (sandboxName()): in another one it says nothing */
  sandbox?: string | undefined;
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
  sandbox: z.string().optional(),
});

export type LeaseRead = StateRead<'lease', Lease>;

export function writeLease(path: string, lease: Lease): Promise<void> {
  return writeState(path, lease);
}

/** A lease of another sandbox is `absent`: it is of rules that went with that one. */
export async function readLease(path: string, sandbox = sandboxName()): Promise<LeaseRead> {
  const read = await readState(path, 'lease', schema);
  if (read.state !== 'read' || read.lease.sandbox === undefined || sandbox === undefined) return read;
  return read.lease.sandbox === sandbox ? read : { state: 'absent' };
}

/** A lease from the future is one from before a reboot: the monotonic clock started again, the emptyDir stayed. */
export function isLapsed(lease: Lease, nowMs: number): boolean {
  return nowMs - lease.renewedAtMs > lease.lengthMs || lease.renewedAtMs > nowMs + toleranceMs;
}

const toleranceMs = 1_000;
