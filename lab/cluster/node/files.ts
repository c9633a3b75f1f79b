import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fabric, nodeAddress, podAddresses, podCidr, podRoutes } from '../../network/plan.ts';
import { toYaml } from '../../yaml.ts';
import { kubeconfig } from '../certificates.ts';
import { apiUrl, type ClusterPaths, clusterDomain, dnsAddress, nodeName } from '../plan.ts';
import { containerdConfig } from './containerd.ts';

export interface Programs {
  /** Folder of kubelet, containerd … */
  bin: string;
  /** Folder of the CNI's plug-ins. */
  cni: string;
}

/** What a node's guest reads at its start, written into its folder. */
export function writeNodeFiles(paths: ClusterPaths, index: number, programs: Programs): void {
  const folder = paths.node(index);
  const name = nodeName(index);
  const keys = join(folder, 'keys');
  mkdirSync(keys, { recursive: true });
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  for (const [from, to] of [
    ['ca.crt', 'ca.crt'],
    [`${name}.crt`, 'node.crt'],
    [`${name}.key`, 'node.key'],
    ['kube-proxy.crt', 'kube-proxy.crt'],
    ['kube-proxy.key', 'kube-proxy.key'],
  ] as const)
    copyFileSync(join(paths.keys, from), join(keys, to));
  writeFileSync(join(keys, 'node.kubeconfig'), kubeconfig(apiUrl, '/run/k', 'node'));
  writeFileSync(join(keys, 'kube-proxy.kubeconfig'), kubeconfig(apiUrl, '/run/k', 'kube-proxy'));
  write('node.env', `NODE_NAME=${name}\nNODE_ADDRESS=${nodeAddress(index)}\nBIN=${programs.bin}\n`);
  write('network.batch', `${networkLines(index).join('\n')}\n`);
  write('sysctls', `${sysctls.map(([key, value]) => `${key} ${value}`).join('\n')}\n`);
  write('masquerade.rules', masquerade);
  write('cni.conflist', JSON.stringify(cniConfig(index), undefined, 2));
  write('containerd.toml', containerdConfig(programs.cni));
  write('kubelet.yaml', toYaml(kubelet));
  write('kube-proxy.yaml', toYaml(kubeProxy));
}

function networkLines(index: number): string[] {
  return [
    'link set lo up',
    `address add ${nodeAddress(index)}/24 dev eth0`,
    'link set eth0 up',
    `route add default via ${fabric.router}`,
    ...podRoutes(index),
  ];
}

const sysctls: [string, string][] = [
  ['net/ipv4/ip_forward', '1'],
  ['net/ipv4/conf/all/rp_filter', '0'],
  ['net/ipv4/conf/default/rp_filter', '0'],
  // So that kube-proxy sees what pods of one node say to a Service's address.
  ['net/bridge/bridge-nf-call-iptables', '1'],
  ['net/ipv4/fib_multipath_hash_policy', '1'],
  ['net/ipv6/conf/all/disable_ipv6', '1'],
  ['net/ipv6/conf/default/disable_ipv6', '1'],
  ['vm/overcommit_memory', '1'],
  ['kernel/panic_on_oops', '1'],
];

const masquerade = `*nat
:LAB-POSTROUTING - [0:0]
-A POSTROUTING -j LAB-POSTROUTING
-A LAB-POSTROUTING -s ${podAddresses} -d ${podAddresses} -j RETURN
-A LAB-POSTROUTING -s ${podAddresses} ! -d 224.0.0.0/4 -j MASQUERADE
COMMIT
`;

function cniConfig(index: number) {
  return {
    cniVersion: '1.0.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        ipam: { type: 'host-local', subnet: podCidr(index), routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
const kubelet = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  cgroupDriver: 'cgroupfs',
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: '/run/k/ca.crt' },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: '/run/k/node.crt',
  tlsPrivateKeyFile: '/run/k/node.key',
  resolvConf: '/etc/resolv.conf',
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  evictionHard: {
    'memory.available': '50Mi',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
    'imagefs.available': '0%',
    'imagefs.inodesFree': '0%',
  },
  configMapAndSecretChangeDetectionStrategy: 'Watch',
  syncFrequency: '5s',
  nodeStatusUpdateFrequency: '5s',
  shutdownGracePeriod: '0s',
  allowedUnsafeSysctls: ['net.ipv4.ip_forward', 'net.ipv4.vs.*', 'net.ipv4.conf.*'],
  clusterDNS: [dnsAddress],
  clusterDomain,
};

/** https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ */
const kubeProxy = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'iptables',
  clientConnection: { kubeconfig: '/run/k/kube-proxy.kubeconfig' },
  clusterCIDR: podAddresses,
  // What it would set of connection tracking belongs to the node.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
};
