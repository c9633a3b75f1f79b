/** What the kernel or its tools refuse, in words for the person who can change it. */
import { problemTable } from '../../common/problem.ts';

export const problems = problemTable({
  IPVS_MISSING: () =>
    'this kernel has no IPVS (generic netlink family IPVS not found): run `modprobe ip_vs` on the node (and keep it: `echo ip_vs > /etc/modules-load.d/ip_vs.conf`), or choose nodes whose kernel has CONFIG_IP_VS',
  NO_NET_ADMIN: (what: string) =>
    `${what}: operation not permitted: give the controller container the capability NET_ADMIN as user 0 (securityContext: {runAsUser: 0, capabilities: {drop: [ALL], add: [NET_ADMIN]}}), not in a user namespace (no hostUsers: false)`,
  NO_NET_RAW: (what: string) =>
    `${what}: operation not permitted: iptables-legacy needs the capabilities NET_ADMIN and NET_RAW as user 0 (securityContext: {runAsUser: 0, capabilities: {drop: [ALL], add: [NET_ADMIN, NET_RAW]}}); a kernel with nf_tables needs NET_ADMIN only`,
  SCHEDULER_MISSING: (scheduler: string) =>
    `scheduler ${scheduler} is not in this kernel (ENOENT): run \`modprobe ip_vs_${scheduler}\` on the node, or choose another scheduler in the settings`,
  IPVS_REFUSED: (what: string, errno: string) => `IPVS refuses to ${what} (${errno})${meaningOf(errno)}`,
  SERVER_ADDRESS_REFUSED: (what: string, errno: string) =>
    `IPVS refuses to ${what} (${errno}): its address is that of no host, such as the broadcast address of the pod's own subnet; correct the EndpointSlice that names it`,
  KERNEL_SILENT: (what: string, timeoutMs: number, why: string) =>
    `the kernel did not answer within ${timeoutMs} ms: ${what}${why === '' ? '' : ` (${why})`}; it is tried again`,
  NETLINK_REFUSED: (what: string, errno: string) => `the kernel refuses: ${what} (${errno})`,
  INTERFACE_MISSING: (name: string, present: readonly string[]) =>
    `the pod has no interface ${name} (it has ${present.join(', ')}): name the pod's interface in the settings`,
  NO_PACKET_RULES: (reasons: readonly string[]) =>
    `no way to make packet rules in this pod: ${reasons.join('; ')}; use a node kernel with nf_tables (CONFIG_NF_TABLES) or ip_tables (\`modprobe ip_tables iptable_mangle iptable_filter iptable_nat\`), and an image that has nft or iptables-legacy`,
  RULES_REFUSED: (tool: string, output: string) =>
    `${tool} refuses the packet rules, the former ones stay: ${output}; ${rulesRemedy(output)}`,
  COMMAND_MISSING: (command: string) => `${command} is not in this image: install its package`,
  COMMAND_UNSTARTABLE: (command: string, why: string) =>
    `${command} cannot be started (${why}): give the controller container more memory or more processes; it is tried again`,
  COMMAND_SLOW: (command: string, timeoutMs: number) =>
    `${command} did not end within ${timeoutMs} ms and was stopped: is another program holding its lock?`,
  SYSCTL_READ_ONLY: (need: string, held: readonly string[], wanted: readonly Setting[]) =>
    `${need} sysctls of the pod are not as wanted (${held.join(', ')}) and may not be written here: let an init container with securityContext.privileged run \`sysctl -w ${wanted.map(({ name, value }) => `${name}=${value}`).join(' ')}\`, or set in the pod's spec securityContext.sysctls: [${wanted.map(({ name, value }) => `{name: ${name}, value: "${value}"}`).join(', ')}] and allow them on the nodes (kubelet --allowed-unsafe-sysctls=${wanted.map(({ name }) => name).join(',')})`,
  SYSCTL_MISSING: (need: string, names: readonly string[]) =>
    `${need} sysctls are not in this kernel: ${names.join(', ')}: load the module on the node (\`modprobe ip_vs nf_conntrack\`), or use a newer kernel`,
  CONNTRACK_UNREADABLE: (file: string, why: string) =>
    `${file} cannot be read (${why}): load the module on the node (\`modprobe nf_conntrack\`); without it there are no numbers of conntrack`,
});

export interface Setting {
  readonly name: string;
  readonly value: string;
}

function rulesRemedy(output: string): string {
  if (/lock file/.test(output))
    return 'mount a writable /run (emptyDir with medium: Memory) into the controller container';
  if (/holding the xtables lock/.test(output))
    return 'another program of the pod works on its rules; it is tried again';
  return "are the kernel's modules for it loaded on the node?";
}

/** net/netfilter/ipvs/ip_vs_ctl.c: what its errors stand for. */
function meaningOf(errno: string): string {
  if (errno === 'ESRCH') return ': there is no such virtual service';
  if (errno === 'ENOENT') return ': there is no such real server';
  if (errno === 'EEXIST') return ': it is there already';
  if (errno === 'EAFNOSUPPORT') return ': the kernel has no IPVS for this address family';
  if (errno === 'ERANGE') return ': a weight or threshold is out of range';
  if (errno === 'ENOMEM') return ': the kernel has no memory left';
  return '';
}
