/** Commands of ExaBGP's process API. Pure. */
import type { Route } from '../speaker.ts';

export const askSessions = 'show neighbor summary';
/** Its first line: what comes before it answers an earlier command. */
export const sessionsHeader = /^Peer\s+AS\s/;
/** All routes again to every established peer, with an event for each that is sent. */
export const sendAgain = 'flush adj-rib out';

export function announceCommand(route: Route): string {
  const communities = route.communities.length > 0 ? ` community [${route.communities.join(' ')}]` : '';
  return `announce route ${route.prefix} next-hop ${route.nextHop} local-preference ${route.localPreference}${communities}`;
}

export function withdrawCommand(prefix: string): string {
  return `withdraw route ${prefix}`;
}

/** Addresses of the established peers in the answer to askSessions. */
export function parseSessions(lines: string[]): Set<string> {
  const peers = lines
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[3] === 'established')
    .map((words) => words[0] as string);
  return new Set(peers);
}
