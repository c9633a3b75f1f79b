/** The peers of the settings as the speaker takes them: names resolved, what cannot be a peer left out, passwords read. */
import { contains, type Prefix, parsePrefix } from '../common/cidr.ts';
import type { Problem } from '../common/problem.ts';
import type { BgpSettings, Peer, Settings } from '../common/settings.ts';
import { problems } from './errors.ts';
import { readPassword } from './password.ts';
import type { PeerNames } from './peer-names.ts';
import type { SpeakerPeer } from './speaker.ts';

export interface FoundPeers {
  peers: SpeakerPeer[];
  /** of what the operator wrote: the settings are refused */
  refused: Problem[];
  /** of what the DNS says now: the other peers are taken all the same */
  notes: NameNote[];
}

export interface NameNote {
  host: string;
  /** tells one note from another, whatever its cause is now */
  about: string;
  problem: Problem;
}

/** "this network", loopback, multicast and reserved (RFC 6890) */
const unreachable = /^(0|127|22[4-9]|2[3-5]\d)\./;

export async function findPeers(
  vip: Pick<Settings['vip'], 'prefixes'>,
  bgp: BgpSettings,
  podIP: string,
  names: Pick<PeerNames, 'known'>,
): Promise<FoundPeers> {
  const found: FoundPeers = { peers: [], refused: [], notes: [] };
  const own = vip.prefixes.map(parsePrefix).filter((each): each is Prefix => typeof each !== 'string');
  // an address that is written out goes before the same address of a name
  const taken = new Set(bgp.peers.flatMap(({ address }) => address ?? []));
  if (taken.has(podIP)) found.refused.push(problems.PEER_SELF(podIP));

  const whyNot = (address: string): string | undefined => {
    if (address === podIP) return "it is the pod's own address";
    if (unreachable.test(address)) return 'no peer can have it';
    const within = own.find((prefix) => contains(prefix, address));
    if (within) return `it is within the VIP prefix ${within.text}, which is local to this pod`;
    return taken.has(address) ? 'bgp.peers has it already' : undefined;
  };

  const addressesOf = ({ address, host = '' }: Peer): readonly string[] => {
    if (address !== undefined) return [address];
    const { addresses, failure } = names.known(host);
    const note = (about: string, problem: Problem) => found.notes.push({ host, about, problem });
    if (failure !== undefined) note(host, problems.NAME_FAILS(host, failure, addresses.join(', ')));
    return addresses.filter((each) => {
      const why = whyNot(each);
      if (why !== undefined) note(`${host} ${each}`, problems.PEER_REFUSED(host, each, why));
      else taken.add(each);
      return why === undefined;
    });
  };

  for (const peer of bgp.peers) {
    const { address, host, port, peerAS, passwordFile } = peer;
    const password = passwordFile && (await readPassword(host ?? `${address}`, passwordFile));
    if (typeof password === 'object') found.refused.push(password);
    else
      for (const each of addressesOf(peer)) found.peers.push({ address: each, host, port, peerAS, password });
  }
  if (found.peers.length === 0 && found.refused.length === 0) found.refused.push(problems.NO_PEER_KNOWN());
  return found;
}
