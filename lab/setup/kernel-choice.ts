import { SetUpFailure } from './failure.ts';
import type { KernelName } from './types.ts';

export interface Situation {
  /** LAB_KERNEL, if the user chose. */
  wanted: KernelName | undefined;
  /** What this machine's own kernel lacks. */
  hostLacks: readonly string[];
  latestIsBuilt: boolean;
  /** `npm start`: rather the packaged kernel now than the latest in six minutes. */
  prefer: 'latest' | 'ready';
}

/** The kernel that the lab runs on, and one sentence why. Throws where the user's choice cannot be had. */
export function chooseKernel({ wanted, hostLacks, latestIsBuilt, prefer }: Situation): {
  name: KernelName;
  why: string;
} {
  const lacking = `this machine's own kernel lacks ${hostLacks.join(', ')}`;
  if (wanted === 'host' && hostLacks.length > 0) {
    throw new SetUpFailure(
      `LAB_KERNEL=host: ${lacking}; leave LAB_KERNEL out and the lab brings a kernel of its own`,
    );
  }
  if (wanted !== undefined) return { name: wanted, why: `chosen by LAB_KERNEL=${wanted}` };
  if (hostLacks.length === 0)
    return { name: 'host', why: "this machine's own kernel has all that the lab needs" };
  if (prefer === 'ready' && !latestIsBuilt) {
    return {
      name: '6.1',
      why: `${lacking}, and the latest is not built yet ("LAB_KERNEL=latest npm start" builds it, 6 min)`,
    };
  }
  return { name: 'latest', why: lacking };
}
