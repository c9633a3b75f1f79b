/** From what is wanted of each prefix to the routes that the peers are told. Pure. */
import { isIPv4 } from 'node:net';
import { parsePrefix } from '../common/cidr.ts';
import type { Problem } from '../common/problem.ts';
import type { BgpSettings } from '../common/settings.ts';
import type { PrefixState } from '../common/speaker-state.ts';
import { problems } from './errors.ts';
import type { Route } from './speaker.ts';

/** RFC 4271 5.1.5 leaves the default to the speaker; 100 is what routers assume. */
const normalPreference = 100;
/** RFC 8326: with LOCAL_PREF 0, "prefer any other path". */
const gracefulShutdown = '65535:0';

export interface Identity {
  podIP: string;
  nodeIP: string;
}

/** Throws a Problem when the address that the settings ask for is not known. */
export function chooseNextHop(nextHop: BgpSettings['nextHop'], { podIP, nodeIP }: Identity): string {
  if (nextHop === 'podIP') return podIP;
  if (nextHop !== 'nodeIP') return nextHop;
  if (!isIPv4(nodeIP)) throw problems.NODE_IP_MISSING(nodeIP);
  return nodeIP;
}

export function makeRoutes(
  prefixes: Readonly<Record<string, PrefixState>>,
  settings: Pick<BgpSettings, 'nextHop' | 'communities'>,
  identity: Identity,
): { routes: Route[]; refused: Problem[] } {
  const nextHop = chooseNextHop(settings.nextHop, identity);
  const routes: Route[] = [];
  const refused: Problem[] = [];
  for (const [prefix, kind] of Object.entries(prefixes)) {
    if (kind === 'withdrawn') continue;
    // the text goes into a command for ExaBGP: only what is a prefix, and as the parser writes it
    const parsed = parsePrefix(prefix);
    if (typeof parsed === 'string' || parsed.family !== 4) {
      refused.push(problems.PREFIX_REFUSED(prefix, typeof parsed === 'string' ? parsed : 'is not IPv4'));
      continue;
    }
    const isLast = kind === 'last-resort';
    routes.push({
      prefix: parsed.text,
      nextHop,
      kind,
      localPreference: isLast ? 0 : normalPreference,
      communities: [...new Set([...settings.communities, ...(isLast ? [gracefulShutdown] : [])])].sort(),
    });
  }
  return { routes, refused };
}
