/** Every coded error of the controller: what happened, to what, what to do. */
import { problemTable } from '../common/problem.ts';

export const problems = problemTable({
  USAGE: (why: string, usage: string) => `${why}\n${usage}`,
  NONE_SELECTED: (absence: string) =>
    `${absence} among the manifests: nothing is rendered; add it there, or correct service of the settings`,
  IDENTITY: (name: string, value: string, accepted: string) =>
    `environment variable ${name} is ${value === '' ? 'not set' : `"${value}"`}: set it to ${accepted} (Kubernetes' downward API has it)`,
  KEEPALIVED_REFUSED: (output: string, kept: string) =>
    `keepalived refuses the new configuration, the running one stays: ${output.trim()} (files kept in ${kept}; mend the template or the settings)`,
  KEEPALIVED_UNDECIDED: (output: string) =>
    `keepalived cannot check the new configuration, the running one stays and it is tried again: ${output.trim()}`,
  KEEPALIVED_FILES_UNWRITABLE: (path: string, why: string) =>
    `${path} cannot be written (${why}): keepalived goes on with the files it has; make room on the run directory, or make it writable`,
  KEEPALIVED_FILES_EMPTY: (file: string) =>
    `the template gives an empty ${file}, with which keepalived would remove every rule: mend the template`,
  NOTIFY_FIFO: (path: string, why: string) =>
    `keepalived's notify FIFO ${path} cannot be made (${why}): servers that checks take out are not known; make the run directory writable`,
  POD_IP_IN_PREFIX: (podIP: string, prefix: string) =>
    `vip.prefixes: ${prefix} contains the pod's own address ${podIP}: choose a prefix that is not part of the pod network`,
  SERVICE_CHANGED: (running: string, asked: string) =>
    `service: this LB pod serves ${running} and cannot change to ${asked} while it runs: its marks and flows belong to the first; start other LB pods for ${asked}`,
  SCHEDULER_MISSING: (scheduler: string, why: string) =>
    `scheduler: the kernel has no scheduler "${scheduler}" (${why}): load the module ip_vs_${scheduler} on the node, or choose another`,
  KERNEL: (what: string, why: string) => `${what}: ${why}`,
  MARKS_UNWRITABLE: (file: string, why: string) =>
    `${file} cannot be written (${why}): marks are kept in memory only, and a restart of the controller would number ports anew; make room on the shared directory`,
  SHARED_DIRECTORY: (directory: string, why: string) =>
    `${directory} cannot be made (${why}): without it there is no lease and nothing is announced; mount a volume there that both containers share, or name another with --shared`,
  IP_MODE_DROPPED: (service: string, addresses: string) =>
    `the API server dropped ipMode from the status of Service ${service}, so ${addresses} was taken out again: kube-proxy would take it on every node, past the LB pods; take a Kubernetes of 1.30 or newer (feature LoadBalancerIPMode)`,
  LEASE_UNWRITABLE: (file: string, why: string) =>
    `${file} cannot be written (${why}): the bgp-sidecar will take the prefix for a last resort once the lease has lapsed; make room on the shared directory`,
});
