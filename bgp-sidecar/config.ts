/** The only reader of the command line and the environment in the sidecar. */
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readHealthPort } from '../common/health.ts';
import { problems } from './errors.ts';

export interface Config {
  readonly settingsFile: string;
  readonly leaseFile: string;
  readonly stateFile: string;
  readonly runDirectory: string;
  readonly podName: string;
  /** router-id and local address */
  readonly podIP: string;
  /** '' when not set: needed only for bgp.nextHop nodeIP */
  readonly nodeIP: string;
  /** that the pod's probes ask; undefined: the one of the settings */
  readonly healthPort: number | undefined;
  readonly exabgp: string;
  readonly socat: string;
  /** PATH for ExaBGP, which gets no other variable of ours */
  readonly path: string;
}

export const usage = `usage: bgp-sidecar [options]
  --settings FILE    the settings              (/etc/portable-lb/settings.yaml)
  --shared DIR       shared with the controller (/var/run/portable-lb)
  --run DIR          ExaBGP's files and socket (/run/bgp-sidecar)
  --exabgp PROGRAM   ExaBGP 4.2                (exabgp)
  --socat PROGRAM    ExaBGP's helper           (/usr/bin/socat)
environment: POD_NAME, POD_IP, NODE_IP (with bgp.nextHop nodeIP);
  HEALTH_PORT: what the pod was made with, whatever the settings say later`;

/** Throws a Problem that names the option or variable at fault. */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv): Config {
  const options = parse(argv);
  const shared = options.shared ?? '/var/run/portable-lb';
  const podIP = env.POD_IP ?? '';
  if (!isIPv4(podIP)) throw problems.IDENTITY('POD_IP', podIP, "the pod's IPv4 address");
  if (!env.POD_NAME) throw problems.IDENTITY('POD_NAME', '', "the pod's name");
  return {
    settingsFile: options.settings ?? '/etc/portable-lb/settings.yaml',
    leaseFile: join(shared, 'lease.json'),
    stateFile: join(shared, 'bgp-state.json'),
    runDirectory: options.run ?? '/run/bgp-sidecar',
    podName: env.POD_NAME,
    podIP,
    nodeIP: env.NODE_IP ?? '',
    healthPort: readHealthPort(env.HEALTH_PORT),
    exabgp: options.exabgp ?? 'exabgp',
    socat: options.socat ?? '/usr/bin/socat',
    path: env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
  };
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = { settings: text, shared: text, run: text, exabgp: text, socat: text };
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw problems.USAGE((error as Error).message, usage);
  }
}
