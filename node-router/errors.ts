/** Every coded error of the node router: what happened, to what, what to do. */
import { problemTable } from '../common/problem.ts';

export const problems = problemTable({
  USAGE: (why: string, usage: string) => `${why}\n${usage}`,
  IDENTITY: (name: string, value: string, accepted: string) =>
    `environment variable ${name} is ${value === '' ? 'not set' : `"${value}"`}: set it to ${accepted} (Kubernetes' downward API has it)`,
  PRIVILEGE: (what: string) =>
    `${what}: not permitted (EPERM); the node router needs uid 0 with the capability NET_ADMIN, in the node's own network (hostNetwork); routes stay as they are, and it is tried again`,
  KERNEL_REFUSED: (what: string, code: string) =>
    `${what}: the kernel refuses (${code}); it is tried again every few seconds`,
  KERNEL_SILENT: (what: string, why: string) =>
    `${what}: rtnetlink does not answer (${why}); routes stay as they are, and it is tried again`,
  NEXTHOP_UNREACHABLE: (address: string, prefix: string, code: string) =>
    `${prefix} cannot be routed via ${address} (${code}): this node has no interface to that LB pod yet; it is tried again at every change of links and routes, and every few seconds`,
  INTERFACE_MISSING: (name: string) =>
    `interface: this node has no interface "${name}"; routes stay as they are; correct the name, or leave interface out and the kernel finds it by the pod's address`,
  EVENTS_MISSED: (why: string) =>
    `links and routes of this node changed faster than they could be followed (${why}): all are looked at anew, and followed again in a moment; if it comes often, find who changes so many: ip monitor route`,
  EVENTS_UNHEARD: (command: string, why: string) =>
    `"${command}" does not go on (${why}): what changes in links and routes of this node is seen within seconds instead of at once, until it runs again; it is started again every few seconds`,
  MULTIPATH_POLICY: (value: string) =>
    `net.ipv4.fib_multipath_hash_policy is ${value} on this node: all flows of a client go to one of the LB pods here; run: sysctl -w net.ipv4.fib_multipath_hash_policy=1 (and write it to /etc/sysctl.d/90-portable-lb.conf), or set setMultipathHashPolicy: set`,
  MULTIPATH_POLICY_UNWRITABLE: (value: string, why: string) =>
    `net.ipv4.fib_multipath_hash_policy is ${value} and cannot be set from here (${why}): run on the node: sysctl -w net.ipv4.fib_multipath_hash_policy=1 (and write it to /etc/sysctl.d/90-portable-lb.conf)`,
  FORWARDING_OFF: () =>
    'net.ipv4.ip_forward is 0: this node hands no packet to an LB pod; run: sysctl -w net.ipv4.ip_forward=1',
  SETTINGS_TWICE: (path: string) => `${path}: has more than one document; accepted: one`,
  REMOVAL_REFUSED: (daemonSet: string, why: string) =>
    `${daemonSet} cannot be told to remove its routes (${why}); they stay on every node: give this service account get and patch of it, or run on each node: ip route flush proto 142`,
  ROUTES_LEFT: (seconds: number, nodes: readonly string[], state: string) =>
    `after ${seconds} s routes may be left on ${nodes.length > 0 ? nodes.join(', ') : 'any node'} (${state}): a node that is down for good needs nothing; else look at the log of its node router, or run there: ip route flush proto 142; then uninstall again (helm uninstall --no-hooks leaves this out)`,
});
