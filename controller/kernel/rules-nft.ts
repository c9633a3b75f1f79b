/**
 * The rules as one nftables table, replaced in one transaction. A packet sees the old table or the new one:
 * hooks of the new chains stand before those of the old are taken away, and old ones run first
 * (net/netfilter/core.c nf_hook_entries_grow), so no packet slips between.
 */
import { runCommand } from './command.ts';
import { problems } from './errors.ts';
import { acceptedIcmp, canonical, marksOf, type PacketRules, type RulesTool, sampleRules } from './rules.ts';

const table = 'table ip portable_lb';

export const nft: RulesTool = {
  name: 'nft',
  async probe() {
    // --check sends the transaction to the kernel, which verifies every rule and then drops it all.
    const { ok, stderr } = await runCommand('nft', ['--check', '--file', '-'], nftText(sampleRules));
    if (ok) return undefined;
    if (isNotPermitted(stderr)) throw problems.NO_NET_ADMIN('nft');
    return oneLine(stderr);
  },
  async read() {
    const { ok, stdout, stderr } = await runCommand('nft', ['-nn', 'list', ...table.split(' ')]);
    if (ok)
      return stdout
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && line !== '}');
    if (/No such file or directory/.test(stderr)) return [];
    throw isNotPermitted(stderr)
      ? problems.NO_NET_ADMIN('nft')
      : problems.RULES_REFUSED('nft', oneLine(stderr));
  },
  async replace(rules) {
    const { ok, stderr } = await runCommand('nft', ['--file', '-'], nftText(rules));
    if (ok) return;
    throw isNotPermitted(stderr)
      ? problems.NO_NET_ADMIN('nft')
      : problems.RULES_REFUSED('nft', oneLine(stderr));
  },
};

/**
 * Hook priorities: marks before routing (mangle -150); refusal at LOCAL_IN before IPVS, which takes marked
 * packets at 98 and 99 (net/netfilter/ipvs/ip_vs_core.c, NF_IP_PRI_NAT_SRC - 2 and - 1); what IPVS left is
 * refused at 110, so that a mark without a virtual service never reaches a listener of the pod.
 */
export function nftText(unordered: PacketRules): string {
  const rules = canonical(unordered);
  const removal = `add ${table}\ndelete ${table}\n`; // add first: deleting what is not there is an error
  if (rules.prefixes.length === 0) return removal;
  const vips = `{ ${rules.prefixes.join(', ')} }`;
  const marks = marksOf(rules);
  const marked = `meta mark { ${marks.join(', ')} }`;
  const whenMarked = (rule: string) => (marks.length > 0 ? [rule] : []);
  const refuse =
    rules.unmatched === 'drop'
      ? ['drop']
      : ['meta l4proto tcp reject with tcp reset', 'reject with icmp port-unreachable'];
  const chain = (name: string, hook: string, lines: readonly string[]) =>
    [
      `\tchain ${name} {`,
      `\t\ttype ${hook}; policy accept;`,
      ...lines.map((line) => `\t\t${line}`),
      '\t}',
    ].join('\n');
  const chains = [
    chain('marks', 'filter hook prerouting priority mangle', [
      `ip daddr ${vips} meta mark set 0`, // a mark that somebody else gave means nothing here
      ...markMaps(rules, vips),
    ]),
    chain('admit', 'filter hook input priority filter', [
      `ip daddr != ${vips} accept`,
      ...whenMarked(`${marked} accept`),
      `icmp type { ${acceptedIcmp.join(', ')} } accept`,
      ...refuse,
    ]),
    chain('unserved', 'filter hook input priority 110', [
      `ip daddr != ${vips} accept`,
      `icmp type { ${acceptedIcmp.join(', ')} } accept`,
      ...refuse,
    ]),
    // Marked packets only: they are the clients' way to the real servers (the mark outlives IPVS' NAT).
    chain('source', 'nat hook postrouting priority srcnat', whenMarked(`${marked} masquerade`)),
  ];
  return `${removal}${table} {\n${chains.join('\n')}\n}\n`;
}

/** One look-up a protocol, however many ports. */
function markMaps(rules: PacketRules, vips: string): string[] {
  return (['TCP', 'UDP'] as const).flatMap((protocol) => {
    const entries = rules.ports
      .filter((port) => port.protocol === protocol)
      .map(({ port, mark }) => `${port} : ${mark}`);
    if (entries.length === 0) return [];
    return [`ip daddr ${vips} meta mark set ${protocol.toLowerCase()} dport map { ${entries.join(', ')} }`];
  });
}

function isNotPermitted(output: string): boolean {
  return /Operation not permitted|you must be root/.test(output);
}

function oneLine(output: string): string {
  return output.trim().replaceAll(/\s*\n\s*/g, '; ');
}
