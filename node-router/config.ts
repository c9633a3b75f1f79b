/** The only reader of the command line and the environment in the node router. */
import { isIPv4 } from 'node:net';
import { parseArgs } from 'node:util';
import { readHealthPort } from '../common/health.ts';
import { problems } from './errors.ts';

export interface Config {
  /**
   * `remove-routes`: takes all of this program's routes away and ends; `stay-removed` goes on, idle, until it is
   * stopped; `remove-everywhere`: has every node of a DaemonSet do that, and ends when all have.
   */
  readonly task: 'run' | 'remove-routes' | 'stay-removed' | 'remove-everywhere';
  readonly settingsFile: string;
  /** where the node's sysctls can be written */
  readonly sysctlDirectory: string;
  /** with `remove-everywhere`: `namespace/name` */
  readonly daemonSet: string;
  readonly nodeName: string;
  readonly nodeIP: string;
  /** that the pod's probes ask; undefined: the one of the settings */
  readonly healthPort: number | undefined;
}

export const usage = `usage: node-router [options]
  --settings FILE   the settings (/etc/portable-lb/node-router.yaml)
  --sysctls DIR     where the node's sysctls can be written (/proc/sys)
  --remove-routes   remove every route that this program made on this node, and exit (stop it first)
  --stay            with --remove-routes: stay until stopped, ready when the routes are gone
  --remove-routes-of NAMESPACE/DAEMONSET
                    restart the node routers of this DaemonSet with --remove-routes --stay, wait for all, and exit
environment: NODE_NAME, NODE_IP (not needed with --remove-routes alone, nor with --remove-routes-of);
  HEALTH_PORT: what the pod was made with, whatever the settings say later`;

/** Throws a Problem that names the option or variable at fault. */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv): Config {
  const options = parse(argv);
  const task = taskOf(options);
  const nodeName = env.NODE_NAME ?? '';
  const nodeIP = env.NODE_IP ?? '';
  if (task === 'run' || task === 'stay-removed') {
    if (nodeName === '') throw problems.IDENTITY('NODE_NAME', '', "the node's name");
    if (!isIPv4(nodeIP)) throw problems.IDENTITY('NODE_IP', nodeIP, "the node's IPv4 address");
  }
  const settingsFile = options.settings ?? '/etc/portable-lb/node-router.yaml';
  const sysctlDirectory = options.sysctls ?? '/proc/sys';
  const daemonSet = options['remove-routes-of'] ?? '';
  const healthPort = readHealthPort(env.HEALTH_PORT);
  return { task, settingsFile, sysctlDirectory, daemonSet, nodeName, nodeIP, healthPort };
}

function taskOf(options: ReturnType<typeof parse>): Config['task'] {
  const daemonSet = options['remove-routes-of'];
  if (daemonSet !== undefined && !/^[^/\s]+\/[^/\s]+$/.test(daemonSet)) {
    throw problems.USAGE(`--remove-routes-of "${daemonSet}": is not NAMESPACE/DAEMONSET`, usage);
  }
  if (daemonSet !== undefined) return 'remove-everywhere';
  if (options.stay) return 'stay-removed';
  return options['remove-routes'] ? 'remove-routes' : 'run';
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        settings: { type: 'string' },
        sysctls: { type: 'string' },
        'remove-routes': { type: 'boolean' },
        stay: { type: 'boolean' },
        'remove-routes-of': { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw problems.USAGE((error as Error).message, usage);
  }
}
