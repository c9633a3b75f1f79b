import { dnsImage } from './images/lab-images.ts';
import { clusterDomain, dnsAddress } from './plan.ts';

export const dnsReplicas = 2;

const namespace = 'kube-system';
const labels = { 'k8s-app': 'kube-dns' };

/** No way out of the cluster: there is nothing outside that a pod would have to know by name. */
const corefile = `.:53 {
  errors
  health
  ready
  prometheus :9153
  kubernetes ${clusterDomain} in-addr.arpa {
    pods insecure
    ttl 5
  }
  cache 5
}
`;

/** The cluster's DNS, as kubeadm installs it (https://github.com/coredns/deployment/tree/master/kubernetes). */
export function dnsManifests(): object[] {
  const metadata = { name: 'coredns', namespace, labels };
  const rbac = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: corefile } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'system:coredns' },
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'system:coredns' },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'system:coredns' },
      subjects: [{ kind: 'ServiceAccount', name: 'coredns', namespace }],
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, name: 'kube-dns' },
      spec: {
        clusterIP: dnsAddress,
        selector: labels,
        ports: (['UDP', 'TCP'] as const).map((protocol) => ({
          name: `dns-${protocol.toLowerCase()}`,
          port: 53,
          protocol,
        })),
      },
    },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deployment() },
  ];
}

function deployment(): object {
  return {
    replicas: dnsReplicas,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: 'coredns',
        priorityClassName: 'system-cluster-critical',
        dnsPolicy: 'Default',
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: labels },
          },
        ],
        containers: [
          {
            name: 'coredns',
            image: dnsImage,
            args: ['-conf', '/etc/coredns/Corefile'],
            ports: [{ containerPort: 53, protocol: 'UDP' }],
            volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
            readinessProbe: {
              httpGet: { path: '/ready', port: 8181 },
              periodSeconds: 1,
              failureThreshold: 10,
            },
          },
        ],
        volumes: [{ name: 'config', configMap: { name: 'coredns' } }],
      },
    },
  };
}
