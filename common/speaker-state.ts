import * as z from 'zod';
import { readState, type StateRead, writeState } from './state-file.ts';

export type PrefixState = 'announced' | 'last-resort' | 'withdrawn';

/** What the sidecar says of itself, beside the lease; times are milliseconds of monotonicMs(). */
export interface SpeakerState {
  version: 1;
  writtenAtMs: number;
  /** SIGTERM was seen: the prefixes are withdrawn, or about to be */
  stopping: boolean;
  prefixes: Record<string, PrefixState>;
  /** by address */
  peers: Record<
    string,
    { up: boolean; sinceMs: number; host?: string | undefined; problem?: string | undefined }
  >;
}

const schema: z.ZodType<SpeakerState> = z.object({
  version: z.literal(1),
  writtenAtMs: z.number(),
  stopping: z.boolean(),
  prefixes: z.record(z.string(), z.enum(['announced', 'last-resort', 'withdrawn'])),
  peers: z.record(
    z.string(),
    z.object({
      up: z.boolean(),
      sinceMs: z.number(),
      host: z.string().optional(),
      problem: z.string().optional(),
    }),
  ),
});

export type SpeakerStateRead = StateRead<'speaker', SpeakerState>;

export function writeSpeakerState(path: string, state: SpeakerState): Promise<void> {
  return writeState(path, state);
}

/** `{ state: 'read', speaker }`, `{ state: 'absent' }` or `{ state: 'torn', why }`. */
export function readSpeakerState(path: string): Promise<SpeakerStateRead> {
  return readState(path, 'speaker', schema);
}

/** It is written every second: one that stands still for longer than sessions live is of a sidecar that is dead or stuck. */
export function isCurrent({ writtenAtMs }: SpeakerState, nowMs: number): boolean {
  // one from the future is of before a reboot
  return nowMs - writtenAtMs < silentMs && writtenAtMs < nowMs + 1_000;
}

const silentMs = 15_000;
