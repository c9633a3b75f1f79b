/**
 * The rules as one nftables table, changed in one transaction. Two things are needed so that no packet slips
 * through a change, beside the transaction itself:
 * - The chains stay and only their rules change. A table that is deleted and made again has its hooks twice for
 *   a moment, and a packet between the two may meet the new one before the transaction and the old one after
 *   it: both empty.
 * - No sets. A packet reads all rules of a chain in one generation, but elements of sets on their own; and the
 *   elements of a new interval set (`ip daddr { 203.0.113.0/28 }`) are there only some milliseconds after its
 *   rules (nf_tables_commit: gencursor, …, nft_set_commit_update), so that 7.2 lost packets by the dozen.
 */
import { runCommand } from './command.ts';
import { problems } from './errors.ts';
import { acceptedIcmp, canonical, marksOf, type PacketRules, type RulesTool, sampleRules } from './rules.ts';
import { rulesGeneration } from './rules-generation.ts';

const table = 'ip portable_lb';

/**
 * Hook priorities: marks before routing (mangle -150); refusal at LOCAL_IN before IPVS, which takes marked
 * packets at 98 and 99 (net/netfilter/ipvs/ip_vs_core.c, NF_IP_PRI_NAT_SRC - 2 and - 1); what IPVS left is
 * refused at 110 (srcnat is 100), so that a mark without a virtual service never reaches a listener of the pod.
 * In the wording of `nft list`.
 */
const chains: readonly (readonly [name: string, hook?: string])[] = [
  ['ports'],
  ['refuse'],
  ['marks', 'type filter hook prerouting priority mangle; policy accept;'],
  ['admit', 'type filter hook input priority filter; policy accept;'],
  ['unserved', 'type filter hook input priority srcnat + 10; policy accept;'],
  ['source', 'type nat hook postrouting priority srcnat; policy accept;'],
];

export const nft: RulesTool = {
  name: 'nft',
  async probe() {
    // --check sends the transaction to the kernel, which verifies every rule and then drops it all.
    const { ok, stderr } = await runCommand('nft', ['--check', '--file', '-'], nftText(sampleRules, []));
    if (ok) return undefined;
    if (isNotPermitted(stderr)) throw problems.NO_NET_ADMIN('nft');
    return oneLine(stderr);
  },
  generation: rulesGeneration,
  async read() {
    const { ok, stdout, stderr } = await runCommand('nft', ['-nn', 'list', 'table', ...table.split(' ')]);
    if (ok) return linesOf(stdout);
    if (/No such file or directory/.test(stderr)) return [];
    throw explain(stderr);
  },
  async replace(rules, held) {
    const { ok, stderr } = await runCommand('nft', ['--file', '-'], nftText(rules, held));
    if (!ok) throw explain(stderr);
  },
};

/** @param held what `read` gave: when its chains are just ours, they stay and their rules are replaced */
export function nftText(unordered: PacketRules, held: readonly string[]): string {
  const rules = canonical(unordered);
  const remove = rules.prefixes.length === 0;
  const isOurs = (line: string) => /^(chain|set|map|type|flags|elements) /.test(line);
  const skeleton = chains.flatMap(([name, hook]) => [
    `chain ${name} {`,
    ...(hook === undefined ? [] : [hook]),
  ]);
  const keep = !remove && sameLines(held.filter(isOurs), skeleton);
  return [
    `add table ${table}`, // what is not there cannot be deleted or flushed
    keep ? `flush table ${table}` : `delete table ${table}`,
    ...(keep || remove ? [] : [`add table ${table}`]),
    ...(keep || remove
      ? []
      : chains.map(([name, hook]) => `add chain ${table} ${name}${hook ? ` { ${hook} }` : ''}`)),
    ...(remove ? [] : rulesOf(rules).map(([chain, rule]) => `add rule ${table} ${chain} ${rule}`)),
    '',
  ].join('\n');
}

function rulesOf({ prefixes, ports, unmatched, ...rest }: PacketRules): [chain: string, rule: string][] {
  const marks = marksOf({ prefixes, ports, unmatched, ...rest });
  const toVips = (chain: string, verdict: string) =>
    prefixes.map((prefix): [string, string] => [chain, `ip daddr ${prefix} ${verdict}`]);
  return [
    ['ports', 'meta mark set 0'], // a mark that somebody else gave means nothing here
    ...ports.map(({ protocol, port, mark }): [string, string] => [
      'ports',
      `${protocol.toLowerCase()} dport ${port} meta mark set ${mark}`,
    ]),
    ...acceptedIcmp.map((type): [string, string] => ['refuse', `icmp type ${type} accept`]),
    ...(unmatched === 'drop'
      ? [['refuse', 'drop'] satisfies [string, string]]
      : [
          ['refuse', 'meta l4proto tcp reject with tcp reset'] satisfies [string, string],
          ['refuse', 'reject with icmp port-unreachable'] satisfies [string, string],
        ]),
    ...toVips('marks', 'goto ports'),
    // IPVS takes what is marked, later in this hook. Packets that are not for a VIP are nobody's business here.
    ...marks.map((mark): [string, string] => ['admit', `meta mark ${mark} accept`]),
    ...toVips('admit', 'goto refuse'),
    ...toVips('unserved', 'goto refuse'),
    // Marked packets only: they are the clients' way to the real servers (the mark outlives IPVS' NAT).
    ...marks.map((mark): [string, string] => ['source', `meta mark ${mark} masquerade`]),
  ];
}

function linesOf(listing: string): string[] {
  const lines = listing.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && line !== '}');
}

function sameLines(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && [...some].sort().join('\n') === [...others].sort().join('\n');
}

function explain(output: string): Error {
  return isNotPermitted(output)
    ? problems.NO_NET_ADMIN('nft')
    : problems.RULES_REFUSED('nft', oneLine(output));
}

function isNotPermitted(output: string): boolean {
  return /Operation not permitted|you must be root/.test(output);
}

function oneLine(output: string): string {
  return output.trim().replaceAll(/\s*\n\s*/g, '; ');
}
