/** Why a session is down, in words that say what to do. Pure. NOTIFICATION codes: RFC 4271 4.5, RFC 4486. */

import { namePeer, type SpeakerPeer } from '../speaker.ts';

export interface DownFacts {
  peer: SpeakerPeer;
  localAS: number;
  /** our router-id and local address */
  address: string;
  wasUp: boolean;
}

export interface Explanation {
  words: string;
  /** A NOTIFICATION says more than the closed connections that follow it. */
  from: 'notification' | 'connection';
}

const names: Record<number, [string, string[]]> = {
  1: ['message header error', ['', 'not synchronized', 'bad length', 'bad type']],
  2: [
    'OPEN error',
    [
      '',
      'unsupported version',
      'bad peer AS',
      'bad BGP identifier',
      'unsupported parameter',
      '',
      'unacceptable hold time',
      'unsupported capability',
    ],
  ],
  3: [
    'UPDATE error',
    [
      '',
      'malformed attributes',
      'unknown attribute',
      'missing attribute',
      'attribute flags',
      'attribute length',
      'invalid origin',
      '',
      'invalid next hop',
      'optional attribute',
      'invalid network',
      'malformed AS path',
    ],
  ],
  4: ['hold timer expired', []],
  5: ['state machine error', []],
  6: [
    'cease',
    [
      '',
      'maximum number of prefixes reached',
      'administrative shutdown',
      'peer de-configured',
      'administrative reset',
      'connection rejected',
      'other configuration change',
      'connection collision',
      'out of resources',
    ],
  ],
};

export function nameNotification(code: number, subcode: number): string {
  const [kind, subcodes] = names[code] ?? [`code ${code}`, []];
  return subcode === 0 ? kind : `${kind}, ${subcodes[subcode] || `subcode ${subcode}`}`;
}

export function explainDown(reason: string, facts: DownFacts): Explanation {
  const [, way, code, subcode] = /notification (sent|received) \((\d+),(\d+)\)/.exec(reason) ?? [];
  if (way === undefined) return { words: explainClosed(reason, facts), from: 'connection' };
  const name = nameNotification(Number(code), Number(subcode));
  const words =
    way === 'received'
      ? explainReceived(`${code},${subcode}`, name, facts)
      : explainSent(`${code},${subcode}`, name, reason, facts);
  return { words, from: 'notification' };
}

function explainReceived(code: string, name: string, { peer, localAS, address }: DownFacts): string {
  const at = `peer ${namePeer(peer.address, peer.host)}`;
  if (code === '2,2')
    return `${at} refused our AS ${localAS} (${name}): make bgp.localAS and the AS that the peer expects of ${address} the same`;
  if (code === '2,3')
    return `${at} refused our router-id ${address} (${name}): another router, perhaps the peer itself, has it; router-id is the pod's address`;
  if (code === '2,6') return `${at} refused our hold time (${name}): raise bgp.holdSeconds`;
  if (code === '6,1')
    return `${at} ended the session (${name}): it takes fewer prefixes of one LB pod than vip.prefixes has; raise its limit`;
  if (code === '4,0')
    return `${at} heard nothing from us for the hold time (${name}): the machine or the link stalls`;
  if (code.startsWith('6,')) return `${at} ended the session (${name}): look at its configuration and log`;
  return `${at} ended the session (${name}): look at its log`;
}

function explainSent(code: string, name: string, reason: string, { peer, address }: DownFacts): string {
  const at = `peer ${namePeer(peer.address, peer.host)}`;
  const theirs = /ASN in OPEN \((\d+)\)/.exec(reason)?.[1] ?? 'unknown';
  if (code === '2,2')
    return `${at} has AS ${theirs}, and bgp.peers says ${peer.peerAS} (${name}): make the two the same`;
  if (code === '2,3')
    return `${at} has our own router-id ${address} (${name}): give one of the two another; the LB pod's is its address`;
  if (code === '4,0') return `${at} was silent for the hold time (${name}): it, or the link to it, is dead`;
  return `the session with ${at} was ended by us (${name}): ${reason}`;
}

function explainClosed(reason: string, { peer, address, wasUp }: DownFacts): string {
  const at = `peer ${namePeer(peer.address, peer.host)}`;
  if (wasUp)
    return `${at} closed the connection: its BGP daemon ended, restarts, or dropped us (its log says why)`;
  // of a peer that was silent until the kernel gave up, ExaBGP says the same (tcp.py: ready() takes SO_ERROR for success)
  if (/closing connection/.test(reason))
    return `${at} gives no connection: nobody has the address, nothing listens on ${peer.address}:${peer.port}, a firewall drops port ${peer.port}, it takes no neighbor ${address} (look at its range of dynamic neighbors, and whether pods are masqueraded on their way to it: LB pods of one node would be one neighbor), or ${aboutPassword(peer)}`;
  return `the session with ${at} does not come up: ${reason}`;
}

/** Nothing was heard at all. */
export function explainSilence({ peer, address }: Pick<DownFacts, 'peer' | 'address'>): string {
  return `peer ${namePeer(peer.address, peer.host)} does not answer on ${peer.address}:${peer.port} from ${address}: the address is wrong, a firewall drops port ${peer.port}, or ${aboutPassword(peer)}`;
}

function aboutPassword({ password }: SpeakerPeer): string {
  return password === undefined
    ? 'no password is set here: the peer may want one'
    : 'the password differs from the peer’s';
}
