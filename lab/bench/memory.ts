import { readFileSync } from 'node:fs';
import type { LabLbPod } from '../roles/lb-pod.ts';

/** Of one process, in MB of 10^6 bytes. Pss counts a page that n processes share as one nth. */
export interface Memory {
  rssMB: number;
  pssMB: number;
}

const kinds = [
  { name: 'controller', container: 'controller', pattern: /^\S*node .*controller/ },
  { name: 'keepalived', container: 'controller', pattern: /^keepalived .*--dont-fork/ },
  {
    name: 'keepalived --config-test, waiting',
    container: 'controller',
    pattern: /^keepalived .*--config-test/,
  },
  { name: 'bgp-sidecar', container: 'sidecar', pattern: /^\S*node .*bgp-sidecar/ },
  { name: 'exabgp', container: 'sidecar', pattern: /^\S*python3 .*exabgp/ },
  { name: 'socat', container: 'sidecar', pattern: /^\S*socat STDIO/ },
] as const;

/** Every process of an LB pod; keepalived's two are told apart. */
export function memoryOf(pod: LabLbPod): Map<string, Memory> {
  const found = new Map<string, Memory>();
  for (const { name, container, pattern } of kinds) {
    const pids = pod[container].pids(pattern).sort((a, b) => a - b);
    for (const [index, pid] of pids.entries()) {
      found.set(name === 'keepalived' ? `keepalived ${index === 0 ? 'parent' : 'checker'}` : name, read(pid));
    }
  }
  return found;
}

function read(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (field: string) => {
    const kibibytes = Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
    return Math.round((kibibytes * 1024) / 100_000) / 10;
  };
  return { rssMB: megabytes('Rss'), pssMB: megabytes('Pss') };
}
