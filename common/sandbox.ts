import { readFileSync, readlinkSync } from 'node:fs';

/**
 * Names this pod's network namespace in this boot of the node. Both containers of a pod share it; a pod whose
 * sandbox was made anew (or whose node booted) has another, with an empty IPVS, though its emptyDir is the same.
 * Undefined where the kernel does not tell.
 */
export function sandboxName(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/net')}`;
  } catch {
    return undefined;
  }
}
