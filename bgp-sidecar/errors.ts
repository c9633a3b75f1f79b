/** Every coded error of the sidecar: what happened, to what, what to do. */
import { problemTable } from '../common/problem.ts';

export const problems = problemTable({
  USAGE: (why: string, usage: string) => `${why}\n${usage}`,
  IDENTITY: (name: string, value: string, accepted: string) =>
    `environment variable ${name} is ${value === '' ? 'not set' : `"${value}"`}: set it to ${accepted} (Kubernetes' downward API has it)`,
  NODE_IP_MISSING: (value: string) =>
    `bgp.nextHop is nodeIP, but the environment variable NODE_IP is ${value === '' ? 'not set' : `"${value}"`}: set it to the node's IPv4 address (downward API: status.hostIP), or set bgp.nextHop to podIP or an address`,
  NO_SETTINGS: (why: string) => `no usable settings yet: ${why}`,
  SETTINGS_KEPT: (why: string) => `new settings are refused, the running ones stay: ${why}`,
  PASSWORD_UNREADABLE: (peer: string, file: string, why: string) =>
    `the password of peer ${peer} cannot be read from ${file} (${why}): mount the Secret there and let this user read it, or take passwordFile out of the settings`,
  PASSWORD_LENGTH: (peer: string, file: string, bytes: number) =>
    `the password of peer ${peer} in ${file} has ${bytes} bytes: TCP MD5 takes 1 to 80`,
  PEER_SELF: (address: string) =>
    `bgp.peers: ${address} is the pod's own address: a router-id equal to the peer's; name the reflector's address`,
  NAME_FAILS: (host: string, why: string, kept: string) =>
    `the peers' name ${host} does not resolve (${why}): ${kept === '' ? 'no session is made with them' : `the addresses known last stay: ${kept}`}; look at bgp.peers, at the Service of that name and whether its pods are ready, and at the cluster's DNS`,
  PEER_REFUSED: (host: string, address: string, why: string) =>
    `the peers' name ${host} has the address ${address}, which is not taken as a peer: ${why}; look at what the name stands for`,
  NO_PEER_KNOWN: () => 'bgp.peers: no address of any peer is known yet',
  PREFIX_REFUSED: (prefix: string, why: string) =>
    `the lease names the prefix ${JSON.stringify(prefix)}, which is not announced: ${why}; look at vip.prefixes of the settings`,
  LEASE_TORN: (why: string) =>
    `the lease cannot be read; the last one counts until it lapses: ${why}; look at the controller's log`,
  STATE_UNWRITABLE: (why: string) =>
    `the controller cannot learn what is announced, its drain will start later than it could: ${why}; make room on the shared directory, or make it writable`,
  GROUP_ZERO: () =>
    'the group id is 0: ExaBGP refuses to keep it and cannot leave it without privileges; run the container with runAsGroup 65532',
  RUN_DIRECTORY: (path: string, why: string) =>
    `${path} cannot be made or written (${why}): mount a tmpfs there that this user may write, or choose another with --run`,
});
