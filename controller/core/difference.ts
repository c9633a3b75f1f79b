/** What changed from one set of virtual services to the next, for the log line of a reload. */
import { byPortThenProtocol } from './service-ports.ts';
import type { Change, RealServer, VirtualService } from './types.ts';

export { compareKernel } from './kernel-difference.ts';

/** One entry for each port that changed, in canonical order; nothing changed gives []. */
export function describeChange(
  before: readonly VirtualService[],
  after: readonly VirtualService[],
): Change[] {
  const old = new Map(before.map((service) => [service.key, service]));
  const now = new Map(after.map((service) => [service.key, service]));
  return [...new Map([...old, ...now]).values()]
    .sort(byPortThenProtocol)
    .map(({ key }) => comparePort(key, old.get(key), now.get(key)))
    .filter((change) => change.port !== 'changed' || changesServers(change));
}

function changesServers({ added, removed, drained, undrained, reweighted }: Change): boolean {
  return [added, removed, drained, undrained, reweighted].some((list) => list.length > 0);
}

function comparePort(
  key: string,
  before: VirtualService | undefined,
  after: VirtualService | undefined,
): Change {
  const old = byPlace(before?.realServers ?? []);
  const now = byPlace(after?.realServers ?? []);
  const change: Change = {
    key,
    port: !before ? 'added' : !after ? 'removed' : 'changed',
    added: [],
    removed: [...old.keys()].filter((place) => !now.has(place)),
    drained: [],
    undrained: [],
    reweighted: [],
    serversNow: 0,
    drainingNow: 0,
  };
  for (const [place, server] of now) {
    if (server.weight > 0) change.serversNow += 1;
    else change.drainingNow += 1;
    const was = old.get(place);
    if (!was) change.added.push(place);
    else if (was.weight > 0 && server.weight === 0) change.drained.push(place);
    else if (was.weight === 0 && server.weight > 0) change.undrained.push(place);
    else if (was.weight !== server.weight) change.reweighted.push(place);
  }
  return change;
}

function byPlace(servers: readonly RealServer[]): Map<string, RealServer> {
  return new Map(servers.map((server) => [`${server.address}:${server.port}`, server]));
}
