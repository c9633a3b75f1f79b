/**
 * drain: how an LB pod leaves. The sidecar withdraws first (SIGTERM reaches both containers at once) and says
 * so in its state file; from then on the LB pod forwards until the drain time is over or traffic has ceased.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SpeakerState } from '../common/speaker-state.ts';

/** How long a sidecar that says nothing is waited for: its part is one write to a socket. */
const withdrawDeadlineMs = 3000;
/** No connection and no packet for this long: traffic has ceased. */
const quietMs = 2000;
const lookEveryMs = 100;

export interface DrainParts {
  readonly announces: boolean;
  readonly drainMs: number;
  readonly speakerState: () => Promise<SpeakerState | undefined>;
  /** Packets that came in so far and connections now, over all virtual services. Rejects when the kernel does not tell. */
  readonly traffic: () => Promise<Traffic>;
  readonly nowMs: () => number;
}

export interface Traffic {
  readonly activeConnections: number;
  readonly packets: number;
}

export interface Drained {
  readonly withdrawn: 'confirmed' | 'not confirmed' | 'nothing to withdraw';
  readonly withdrawMs: number;
  readonly ended: 'traffic ceased' | 'drain time over';
  /** undefined when the kernel did not tell at the last look. */
  readonly connectionsLeft: number | undefined;
  readonly drainMs: number;
}

export async function drain(parts: DrainParts): Promise<Drained> {
  const { nowMs } = parts;
  const startedAtMs = nowMs();
  const withdrawn = parts.announces ? await awaitWithdrawal(parts) : 'nothing to withdraw';
  const withdrawnAtMs = nowMs();
  // Nothing known of traffic is no reason to end early, and none to end otherwise: without IPVS there is nothing to ask.
  const look = () => parts.traffic().catch(() => undefined);
  let seen = await look();
  let quietSinceMs = withdrawnAtMs;
  while (nowMs() - withdrawnAtMs < parts.drainMs) {
    if (nowMs() - quietSinceMs >= quietMs) break;
    await sleep(lookEveryMs);
    const now = await look();
    if (now?.activeConnections !== 0 || now.packets !== seen?.packets) quietSinceMs = nowMs();
    seen = now;
  }
  const drainMs = nowMs() - withdrawnAtMs;
  return {
    withdrawn,
    withdrawMs: withdrawnAtMs - startedAtMs,
    ended: drainMs < parts.drainMs ? 'traffic ceased' : 'drain time over',
    connectionsLeft: seen?.activeConnections,
    drainMs,
  };
}

export function describeDrained({ withdrawn, withdrawMs, ended, drainMs, connectionsLeft }: Drained): string {
  const told =
    withdrawn === 'nothing to withdraw'
      ? withdrawn
      : `withdrawal ${withdrawn} after ${Math.round(withdrawMs)} ms`;
  const seconds = (drainMs / 1000).toFixed(1);
  return `${told}; forwarded for ${seconds} s more until ${ended}, ${connectionsLeft ?? 'unknown how many'} connections left`;
}

async function awaitWithdrawal(parts: DrainParts): Promise<'confirmed' | 'not confirmed'> {
  const deadlineMs = parts.nowMs() + withdrawDeadlineMs;
  while (parts.nowMs() < deadlineMs) {
    const state = await parts.speakerState();
    const held = Object.values(state?.prefixes ?? {}).filter((kind) => kind !== 'withdrawn');
    // not asked: whether it stops too. Where only this container is restarted, it withdraws because the lease says no.
    if (state && held.length === 0) return 'confirmed';
    await sleep(20);
  }
  return 'not confirmed';
}
