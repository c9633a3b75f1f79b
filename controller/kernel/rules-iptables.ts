/**
 * The rules with iptables-legacy, for kernels without nf_tables: chains of our own, a jump to each, all put in
 * place by one iptables-restore. Each of the three tables is replaced atomically, in this order: filter takes
 * a mark before nat masquerades it before mangle gives it, so a new port never has half of what it needs.
 */
import { runCommand } from './command.ts';
import { problems } from './errors.ts';
import { acceptedIcmp, canonical, marksOf, type PacketRules, type RulesTool, sampleRules } from './rules.ts';

const restore = 'iptables-legacy-restore';
const save = 'iptables-legacy-save';
const waitSeconds = '5'; // for /run/xtables.lock

/** Our chains; the one with a hook is jumped to from that chain. */
const tables = [
  {
    table: 'filter',
    chains: [
      { name: 'PLB-ADMIT', hook: 'INPUT' },
      { name: 'PLB-ANSWER', hook: 'OUTPUT' },
      { name: 'PLB-VIP' },
    ],
  },
  { table: 'nat', chains: [{ name: 'PLB-MASQ', hook: 'POSTROUTING' }] },
  { table: 'mangle', chains: [{ name: 'PLB-MARK', hook: 'PREROUTING' }, { name: 'PLB-PORT' }] },
] as const;

export const iptables: RulesTool = {
  name: 'iptables',
  async probe() {
    const text = iptablesText(sampleRules, []);
    const { ok, stderr } = await runCommand(restore, ['--test', '--noflush', '-w', waitSeconds], text);
    if (ok) return undefined;
    const reason = await reasonOfRefusal(stderr);
    if (isNotPermitted(reason)) throw problems.NO_NET_RAW(restore);
    return reason;
  },
  async read() {
    const { ok, stdout, stderr } = await runCommand(save, []);
    if (!ok) throw explain(save, oneLine(stderr));
    return ourLines(stdout);
  },
  async replace(rules, held) {
    const { ok, stderr } = await runCommand(
      restore,
      ['--noflush', '-w', waitSeconds],
      iptablesText(rules, held),
    );
    if (!ok) throw explain(restore, await reasonOfRefusal(stderr));
  },
};

/** @param held what `read` gave: the jumps that are there are taken away and put first again */
export function iptablesText(unordered: PacketRules, held: readonly string[]): string {
  const rules = canonical(unordered);
  const remove = rules.prefixes.length === 0;
  const body = rulesOf(rules);
  return tables
    .map(({ table, chains }) => {
      const names = chains.map(({ name }) => name);
      const jumps = chains.flatMap((chain) => ('hook' in chain ? [`${chain.hook} -j ${chain.name}`] : []));
      const stale = held.filter((line) => line.startsWith('-A ') && jumps.includes(line.slice(3)));
      return [
        `*${table}`,
        ...names.map((name) => `:${name} - [0:0]`), // makes the chain, or empties it
        ...stale.map((line) => `-D ${line.slice(3)}`),
        ...(remove ? names.map((name) => `-X ${name}`) : []),
        ...(remove ? [] : jumps.map((jump) => `-I ${jump.replace(' ', ' 1 ')}`)),
        ...(remove ? [] : body[table]),
        'COMMIT',
        '',
      ].join('\n');
    })
    .join('');
}

function rulesOf(rules: PacketRules): Record<(typeof tables)[number]['table'], string[]> {
  const marks = marksOf(rules);
  const refuse =
    rules.unmatched === 'drop'
      ? ['-A PLB-VIP -j DROP']
      : [
          '-A PLB-VIP -p tcp -j REJECT --reject-with tcp-reset',
          '-A PLB-VIP -j REJECT --reject-with icmp-port-unreachable',
        ];
  return {
    filter: [
      ...rules.prefixes.map((prefix) => `-A PLB-ADMIT -d ${prefix} -j PLB-VIP`),
      ...marks.map((mark) => `-A PLB-VIP -m mark --mark ${mark} -j RETURN`),
      ...acceptedIcmp.map((type) => `-A PLB-VIP -p icmp --icmp-type ${type} -j RETURN`),
      ...refuse,
      // No chain runs after IPVS at LOCAL_IN that could refuse what it left (nat INPUT at 100 may not), so a
      // listener of the pod is kept silent at its answer: what IPVS forwards never has a VIP as source here,
      // and the only TCP of our own from a VIP is the reset of a refusal.
      ...rules.prefixes.flatMap((prefix) => [
        `-A PLB-ANSWER -s ${prefix} -p tcp -m tcp ! --tcp-flags RST RST -j DROP`,
        `-A PLB-ANSWER -s ${prefix} -p udp -j DROP`,
      ]),
    ],
    nat: marks.map((mark) => `-A PLB-MASQ -m mark --mark ${mark} -j MASQUERADE`),
    mangle: [
      ...rules.prefixes.map((prefix) => `-A PLB-MARK -d ${prefix} -j PLB-PORT`),
      '-A PLB-PORT -j MARK --set-mark 0', // a mark that somebody else gave means nothing here
      ...rules.ports.map(({ protocol, port, mark }) => {
        const name = protocol.toLowerCase();
        return `-A PLB-PORT -p ${name} -m ${name} --dport ${port} -j MARK --set-mark ${mark}`;
      }),
    ],
  };
}

/** Of an iptables-save: our chains, their rules and the jumps to them, by table, without counters. */
export function ourLines(saved: string): string[] {
  const ours: string[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) ours.push(line);
    else if (/^:PLB-/.test(line)) ours.push(line.split(' ', 1)[0] ?? line);
    else if (/^-A .*-j PLB-|^-A PLB-/.test(line)) ours.push(line);
  }
  return ours.filter((line, index) => !line.startsWith('*') || ours[index + 1]?.startsWith('*') === false);
}

/** iptables-restore says only that it cannot initialize a table; iptables says why. */
async function reasonOfRefusal(output: string): Promise<string> {
  const table = /initialize table '(\w+)'/.exec(output)?.[1];
  if (table === undefined) return oneLine(output);
  const { ok, stderr } = await runCommand('iptables-legacy', ['--table', table, '--list-rules']);
  return oneLine(ok ? output : stderr);
}

function explain(tool: string, reason: string): Error {
  return isNotPermitted(reason) ? problems.NO_NET_RAW(tool) : problems.RULES_REFUSED(tool, reason);
}

function isNotPermitted(reason: string): boolean {
  return /Operation not permitted|Permission denied|you must be root/.test(reason);
}

function oneLine(output: string): string {
  return output.trim().replaceAll(/\s*\n\s*/g, '; ');
}
