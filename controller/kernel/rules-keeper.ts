/** Keeps the packet rules as wanted: makes them, notices when somebody else changed them, puts them back. */
import { Problem, reasonOf } from '../../common/problem.ts';
import { problems } from './errors.ts';
import { canonical, type PacketRules, type RulesTool } from './rules.ts';
import { iptables } from './rules-iptables.ts';
import { nft } from './rules-nft.ts';

/** nft where the kernel has nf_tables, else iptables-legacy: found by trying. Throws Problem when neither works. */
export async function chooseRulesTool(
  tools: readonly RulesTool[] = [nft, iptables],
): Promise<{ tool: RulesTool; passedOver: string[] }> {
  const reasons: string[] = [];
  for (const tool of tools) {
    const reason = await tool.probe().catch((error: unknown) => {
      if (error instanceof Problem && error.code === 'COMMAND_MISSING') return reasonOf(error);
      throw error;
    });
    if (reason === undefined) return { tool, passedOver: reasons };
    reasons.push(`${tool.name}: ${reason}`);
  }
  throw problems.NO_PACKET_RULES(reasons);
}

export interface RulesKeeper {
  /** Returns what it changed, in words; [] when the kernel held just what is wanted. Throws Problem. */
  ensure(wanted: PacketRules): Promise<string[]>;
}

interface Made {
  readonly wanted: string;
  readonly lines: readonly string[];
  /** The number of the kernel's rules when these were read. */
  generation: number | undefined;
}

/** The number of the rules of a network namespace in which nobody has made any. */
const untouched = 1;
/** How often rules are made again that somebody else changed while they were read back. */
const attempts = 3;

export function createRulesKeeper(tool: RulesTool): RulesKeeper {
  // The kernel's own wording of our rules, read back right after they were made: what it reads later is
  // compared with that, so no text of ours has to equal the way a tool prints it.
  let made: Made | undefined;

  /** @param counted the number of the kernel's rules before; undefined where it does not say */
  const make = async (rules: PacketRules, held: readonly string[], counted: number | undefined) => {
    let before = counted;
    for (let attempt = 1; ; attempt++) {
      await tool.replace(rules, held);
      const lines = await tool.read();
      const generation = before === undefined ? undefined : await tool.generation?.();
      const isOursAlone = before === undefined || generation === before + 1;
      if (isOursAlone || attempt === attempts) return { lines, generation };
      before = generation;
    }
  };

  return {
    async ensure(rules) {
      const wanted = JSON.stringify(canonical(rules));
      // Asked for before the rules are read: what changes in between gives another one at the next look.
      const generation = await tool.generation?.();
      const before = made;
      const held = known(before, generation) ?? (await tool.read());
      if (before?.wanted === wanted && isEqual(held, before.lines)) {
        before.generation = generation;
        return [];
      }
      made = { wanted, ...(await make(rules, held, generation)) };
      if (isEqual(held, made.lines)) return [];
      if (before?.wanted === wanted) return [describeLoss(tool.name, before.lines, held)];
      return [`packet rules (${tool.name}): ${describeRules(rules)}`];
    },
  };
}

/** What the kernel holds, where its number tells: each reading is a program to start. */
function known(made: Made | undefined, generation: number | undefined): readonly string[] | undefined {
  if (generation === undefined) return undefined;
  if (generation === made?.generation) return made.lines;
  return generation === untouched ? [] : undefined;
}

function describeRules({ prefixes, ports, unmatched }: PacketRules): string {
  if (prefixes.length === 0) return 'removed';
  const marks = ports.map(({ protocol, port, mark }) => `${protocol}/${port} mark ${mark}`).join(', ');
  return `${prefixes.join(', ')}: ${marks || 'no port'}, everything else ${unmatched === 'drop' ? 'dropped' : 'refused'}`;
}

function describeLoss(tool: string, wanted: readonly string[], held: readonly string[]): string {
  const missing = wanted.filter((line) => !held.includes(line));
  const foreign = held.filter((line) => !wanted.includes(line));
  const what =
    held.length === 0
      ? 'were gone'
      : [
          missing.length > 0 ? `lacked ${missing.length}, first: ${missing[0]}` : '',
          foreign.length > 0 ? `had ${foreign.length} that are not ours, first: ${foreign[0]}` : '',
        ]
          .filter((part) => part !== '')
          .join('; ') || 'were in another order';
  return `packet rules (${tool}) ${what}: put back`;
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}
