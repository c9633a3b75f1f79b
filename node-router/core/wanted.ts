/** LB pods → one route per VIP prefix. */
import { overlaps, type Prefix } from '../../common/cidr.ts';
import { canonical } from './addresses.ts';
import { type KernelRoute, type LbPod, type Note, podStates, type WantedRoute } from './types.ts';

/** One service's wish for one prefix. */
interface Claim {
  readonly prefix: Prefix;
  readonly owner: string;
  readonly pods: LbPod[];
}

/** Which service holds which prefix: an input, so that a roll-out of its pods does not lose it to another. */
export type Holders = ReadonlyMap<string, string>;

/**
 * The holders as the routes of a former run show them: after a roll-out the pods of a service may all be younger than
 * those of another that claims its prefix, and a restart of this program must not hand it over.
 */
export function findHolders(own: readonly KernelRoute[], pods: readonly LbPod[]): Map<string, string> {
  const holders = new Map<string, string>();
  for (const { prefix, nexthops } of own) {
    const pod = pods.find(
      ({ address, prefixes }) =>
        nexthops.includes(address) && prefixes.some((claimed) => claimed.text === prefix),
    );
    if (pod !== undefined) holders.set(prefix, pod.owner);
  }
  return holders;
}

export function computeWanted(
  pods: readonly LbPod[],
  holders: Holders,
): { routes: WantedRoute[]; notes: Note[] } {
  const granted: Claim[] = [];
  const notes: Note[] = [];
  for (const claim of claimsOf(pods).sort((a, b) => compareClaims(a, b, holders))) {
    const winner = granted.find(
      (other) => other.owner !== claim.owner && overlaps(other.prefix, claim.prefix),
    );
    if (winner === undefined) granted.push(claim);
    else notes.push(...describeConflict(winner, claim));
  }
  const routes = granted.map(routeOf).sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  return { routes, notes };
}

function claimsOf(pods: readonly LbPod[]): Claim[] {
  const claims = new Map<string, Claim>();
  for (const pod of pods) {
    for (const prefix of pod.prefixes) {
      const key = `${pod.owner} ${prefix.text}`;
      const claim = claims.get(key) ?? { prefix, owner: pod.owner, pods: [] };
      claim.pods.push(pod);
      claims.set(key, claim);
    }
  }
  return [...claims.values()];
}

/** Who has the prefix keeps it; else the service with the oldest pod; else by name, so that order never matters. */
function compareClaims(a: Claim, b: Claim, holders: Holders): number {
  const held =
    Number(holders.get(b.prefix.text) === b.owner) - Number(holders.get(a.prefix.text) === a.owner);
  if (held !== 0) return held;
  const [oldestA, oldestB] = [oldestOf(a), oldestOf(b)];
  if (oldestA !== oldestB) return oldestA < oldestB ? -1 : 1;
  return `${a.owner} ${a.prefix.text}` < `${b.owner} ${b.prefix.text}` ? -1 : 1;
}

function oldestOf(claim: Claim): number {
  return Math.min(...claim.pods.map((pod) => pod.createdAtMs));
}

function routeOf({ prefix, owner, pods }: Claim): WantedRoute {
  const state = podStates.find((each) => pods.some((pod) => pod.state === each)) ?? 'starting';
  const nexthops = canonical(pods.filter((pod) => pod.state === state).map((pod) => pod.address));
  return { prefix: prefix.text, owner, state, nexthops };
}

/** Both services are told, each by its own line and by an Event on each of its own pods. */
function describeConflict(winner: Claim, loser: Claim): Note[] {
  const code = 'PREFIX_CONFLICT';
  const pods = (claim: Claim) => claim.pods.map((pod) => pod.ref);
  return [
    {
      code,
      pods: pods(loser),
      message: `service ${loser.owner} gets no route for ${loser.prefix.text} on this node: service ${winner.owner} has ${winner.prefix.text}; give ${loser.owner} another prefix`,
    },
    {
      code,
      pods: pods(winner),
      message: `service ${winner.owner} keeps ${winner.prefix.text} on this node, though service ${loser.owner} claims ${loser.prefix.text} too`,
    },
  ];
}
