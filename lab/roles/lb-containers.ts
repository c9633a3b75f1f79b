import { existsSync } from 'node:fs';
import type { LbPodOptions } from '../api.ts';
import type { ContainerPlan, Mount } from '../containers/bundle.ts';
import { programCommand } from '../containers/programs.ts';
import type { LbDirectories } from './lb-directories.ts';
import { containerEnv } from './node.ts';

export interface LbPodFacts {
  name: string;
  podIP: string;
  nodeName: string;
  nodeIP: string;
  netns: string;
  directories: LbDirectories;
}

const sidecarId = 65532;

/** As the chart would have them: the controller is root with one capability, the sidecar nobody with none. */
export function lbContainers(
  pod: LbPodFacts,
  options: LbPodOptions,
): { controller: ContainerPlan; sidecar: ContainerPlan } {
  const common = {
    hostname: pod.name,
    env: {
      ...containerEnv,
      POD_NAME: pod.name,
      POD_IP: pod.podIP,
      NODE_NAME: pod.nodeName,
      NODE_IP: pod.nodeIP,
    },
    netns: pod.netns,
    mounts: mounts(pod),
  };
  const settings = ['--settings', '/etc/portable-lb/settings.yaml'];
  return {
    controller: {
      ...common,
      name: `${pod.name}.controller`,
      command: programCommand('controller', settings),
      mounts: [{ source: pod.directories.run, destination: '/run', access: 'rw' as const }, ...common.mounts],
      uid: 0,
      gid: 0,
      capabilities: options.controllerCapabilities ?? defaultCapabilities(),
    },
    sidecar: {
      ...common,
      name: `${pod.name}.sidecar`,
      command: programCommand('bgp-sidecar', settings),
      uid: sidecarId,
      gid: sidecarId,
      capabilities: [],
    },
  };
}

/** iptables-legacy works on a raw socket, nft on netlink. */
function defaultCapabilities(): string[] {
  const hasNftables =
    existsSync('/proc/sys/net/netfilter/nf_log_all_netns') && process.env.LAB_KERNEL !== '6.1';
  return hasNftables ? ['CAP_NET_ADMIN'] : ['CAP_NET_ADMIN', 'CAP_NET_RAW'];
}

function mounts({ directories }: LbPodFacts): Mount[] {
  return [
    { source: directories.settings, destination: '/etc/portable-lb', access: 'ro' },
    { source: directories.templates, destination: '/etc/portable-lb/templates', access: 'ro' },
    { source: directories.manifests, destination: '/etc/portable-lb/manifests', access: 'ro' },
    { source: directories.shared, destination: '/run/portable-lb', access: 'rw' },
    { source: directories.hosts, destination: '/etc/hosts', access: 'ro' },
  ];
}
