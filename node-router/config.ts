/** The only reader of the command line and the environment in the node router. */
import { isIPv4 } from 'node:net';
import { parseArgs } from 'node:util';
import { problems } from './errors.ts';

export interface Config {
  /** `remove-routes`: takes all of this program's routes away and ends. */
  readonly task: 'run' | 'remove-routes';
  readonly settingsFile: string;
  readonly nodeName: string;
  readonly nodeIP: string;
}

export const usage = `usage: node-router [options]
  --settings FILE   the settings (/etc/portable-lb/node-router.yaml)
  --remove-routes   remove every route that this program made on this node, and exit (stop it first)
environment: NODE_NAME, NODE_IP (not needed with --remove-routes)`;

/** Throws a Problem that names the option or variable at fault. */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv): Config {
  const options = parse(argv);
  const task = options['remove-routes'] ? 'remove-routes' : 'run';
  const nodeName = env.NODE_NAME ?? '';
  const nodeIP = env.NODE_IP ?? '';
  if (task === 'run' && nodeName === '') throw problems.IDENTITY('NODE_NAME', '', "the node's name");
  if (task === 'run' && !isIPv4(nodeIP))
    throw problems.IDENTITY('NODE_IP', nodeIP, "the node's IPv4 address");
  return { task, settingsFile: options.settings ?? '/etc/portable-lb/node-router.yaml', nodeName, nodeIP };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: { settings: { type: 'string' }, 'remove-routes': { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw problems.USAGE((error as Error).message, usage);
  }
}
