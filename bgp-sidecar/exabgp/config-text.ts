/** ExaBGP's configuration file. Pure; every value was validated by the settings' schema. */
import type { SpeakerPeer, SpeakerSettings } from '../speaker.ts';

export interface ConfigPlaces {
  /** absolute path: ExaBGP checks that it may run it */
  socat: string;
  socket: string;
}

/** Name of the helper process in ExaBGP's words. */
export const helperName = 'sidecar';

/** Of the neighbors' definitions. */
export function renderConfig(neighbors: readonly string[], { socat, socket }: ConfigPlaces): string {
  return `process ${helperName} {
  run ${socat} STDIO UNIX-CONNECT:${socket};
  encoder json;
}
${neighbors.join('')}`;
}

export function renderNeighbor(
  { address, localAS, holdSeconds }: Omit<SpeakerSettings, 'peers'>,
  peer: SpeakerPeer,
): string {
  // base64, so that any byte of a password survives ExaBGP's tokeniser
  const password =
    peer.password === undefined
      ? ''
      : `  md5-base64 true;\n  md5-password "${Buffer.from(peer.password, 'utf8').toString('base64')}";\n`;
  // route-refresh stays off: with a peer that can do enhanced route refresh (RFC 7313, BIRD does), ExaBGP 4.2.25 breaks
  // the session when it is asked to send its routes again (peer.py: "'RouteRefresh' object is not iterable");
  // host-name and domain-name keep the name of the machine out of the OPEN message;
  // graceful restart would keep routes to an LB pod that is gone
  return `neighbor ${peer.address} {
  router-id ${address};
  local-address ${address};
  local-as ${localAS};
  peer-as ${peer.peerAS};
  hold-time ${holdSeconds};
  connect ${peer.port};
${password}  host-name portable-lb;
  domain-name portable-lb;
  capability { graceful-restart disable; route-refresh disable; }
  adj-rib-out true;
  family { ipv4 unicast; }
  api { processes [ ${helperName} ]; neighbor-changes; send { parsed; update; } }
}
`;
}

/** ExaBGP reads its options from the environment; nothing else of ours reaches it. */
export function makeEnvironment(
  path: string,
  { isRoot, runDirectory }: { isRoot: boolean; runDirectory: string },
): Record<string, string> {
  return {
    PATH: path,
    // steady-clock.ts
    PYTHONPATH: runDirectory,
    PYTHONDONTWRITEBYTECODE: '1',
    LC_ALL: 'C.UTF-8',
    PYTHONUNBUFFERED: '1',
    exabgp_log_destination: 'stdout',
    exabgp_log_level: 'INFO',
    // no named pipes under /run, and no command line client
    exabgp_api_cli: 'false',
    exabgp_api_ack: 'true',
    exabgp_api_respawn: 'true',
    exabgp_daemon_daemonize: 'false',
    // as root (a machine without containers) it would become nobody, who may not reach the socket
    ...(isRoot ? { exabgp_daemon_user: 'root' } : {}),
  };
}
