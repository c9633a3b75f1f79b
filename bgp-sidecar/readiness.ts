/** What /readyz says of the sidecar. */
import type { SpeakerStatus } from './speaker.ts';

/** Why not ready: at least one peer is established, and each of those was told what the lease wants. */
export function whyNotReady({ peers, unsettled }: SpeakerStatus): string | undefined {
  const states = Object.values(peers);
  if (!states.some(({ up }) => up))
    return `no session is up: ${states.map(({ problem }) => problem ?? 'not tried yet').join('; ')}`;
  return unsettled;
}
