/** The only reader of the command line and the environment in the controller. */
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readHealthPort } from '../common/health.ts';
import type { Environment } from '../common/kubernetes/access.ts';
import { problems } from './errors.ts';
import { readPodPrefixes } from './pod-prefixes.ts';

export interface Config {
  readonly task: 'run' | 'check' | 'clear-status' | 'help';
  readonly settingsFile: string;
  readonly templatesDirectory: string;
  readonly sharedDirectory: string;
  readonly runDirectory: string;
  /** Manifests to render with --check instead of those that the settings name. */
  readonly manifestsDirectory: string | undefined;
  /** The pod's own interface: VIP prefixes are made local on it. */
  readonly interface: string;
  readonly podName: string;
  readonly podIP: string;
  /** that the pod was made with; undefined: those of the settings, whatever they are */
  readonly podPrefixes: readonly string[] | undefined;
  /** that the pod's probes ask; undefined: the one of the settings */
  readonly healthPort: number | undefined;
  readonly leaseFile: string;
  readonly marksFile: string;
  readonly speakerStateFile: string;
  /** what tells where the API server is */
  readonly kubernetes: Environment;
}

export const usage = `usage: controller [options]
  --settings FILE    the settings            (/etc/portable-lb/settings.yaml)
  --templates DIR    templates, optional     (/etc/portable-lb/templates)
  --shared DIR       shared with the sidecar (/var/run/portable-lb)
  --run DIR          keepalived's files      (/run/keepalived)
  --interface NAME   the pod's interface     (eth0)
  --check            validate settings and templates, print what would be rendered, change nothing
  --manifests DIR    with --check: manifests to render (those that the settings name)
  --clear-status     take this release's addresses out of the Service's status.loadBalancer, and exit
  --help             this text
environment: POD_NAME, POD_IP (not needed with --check, --clear-status);
  VIP_PREFIXES, HEALTH_PORT: what the pod was made with, whatever the settings say later;
  KUBECONFIG, or in a pod its service account, with endpoints.source kubernetes`;

/** Throws a Problem that names the option or variable at fault. */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv): Config {
  const options = parse(argv);
  const task = taskOf(options);
  const shared = options.shared ?? '/var/run/portable-lb';
  const podIP = env.POD_IP ?? '';
  if (task === 'run' && !isIPv4(podIP)) throw problems.IDENTITY('POD_IP', podIP, "the pod's IPv4 address");
  if (task === 'run' && !env.POD_NAME) throw problems.IDENTITY('POD_NAME', '', "the pod's name");
  return {
    task,
    settingsFile: options.settings ?? '/etc/portable-lb/settings.yaml',
    templatesDirectory: options.templates ?? '/etc/portable-lb/templates',
    sharedDirectory: shared,
    runDirectory: options.run ?? '/run/keepalived',
    manifestsDirectory: options.manifests,
    interface: options.interface ?? 'eth0',
    podName: env.POD_NAME ?? 'check',
    podIP: isIPv4(podIP) ? podIP : '192.0.2.1',
    podPrefixes: readPodPrefixes(env.VIP_PREFIXES),
    healthPort: readHealthPort(env.HEALTH_PORT),
    leaseFile: join(shared, 'lease.json'),
    marksFile: join(shared, 'marks.json'),
    speakerStateFile: join(shared, 'bgp-state.json'),
    kubernetes: {
      KUBECONFIG: env.KUBECONFIG,
      KUBERNETES_SERVICE_HOST: env.KUBERNETES_SERVICE_HOST,
      KUBERNETES_SERVICE_PORT: env.KUBERNETES_SERVICE_PORT,
    },
  };
}

function taskOf(options: ReturnType<typeof parse>): Config['task'] {
  if (options.help) return 'help';
  if (options['clear-status']) return 'clear-status';
  return options.check ? 'check' : 'run';
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        settings: text,
        templates: text,
        shared: text,
        run: text,
        interface: text,
        manifests: text,
        check: { type: 'boolean' },
        'clear-status': { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw problems.USAGE((error as Error).message, usage);
  }
}
