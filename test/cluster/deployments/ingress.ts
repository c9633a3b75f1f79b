/** Skipper as the ingress controller of one namespace, after its own docs/kubernetes/deploy/deployment. */
import { skipperImage } from '../../../lab/cluster/images/lab-images.ts';
import { deployment, patientProbe, serverResources } from '../manifests.ts';

export const healthPath = '/kube-system/healthz';
const port = 9999;

export interface IngressController {
  name: string;
  namespace: string;
  replicas: number;
  /** Of its Service, and so of the LB in front of it. */
  loadBalancerClass: string;
  /** Of the Ingresses that it serves. */
  ingressClass: string;
}

export function ingressController(options: IngressController): object[] {
  const { name, namespace, replicas, loadBalancerClass, ingressClass } = options;
  const labels = { app: name };
  const metadata = { name, namespace, labels };
  const rbac = 'rbac.authorization.k8s.io';
  const verbs = ['get', 'list'];
  const container = {
    name: 'skipper',
    image: skipperImage,
    args: [
      ...['-kubernetes', '-kubernetes-in-cluster', `-kubernetes-namespace=${namespace}`],
      ...[`-kubernetes-ingress-class=${ingressClass}`, '-enable-kubernetes-endpointslices'],
      ...[`-address=:${port}`, '-proxy-preserve-host', '-kubernetes-https-redirect=false'],
      // Ready when it knows the routes. When it leaves, it takes requests until the LB has heard of it (its own default: 45 s).
      ...['-wait-first-route-load', '-wait-for-healthcheck-interval=10s', '-source-poll-timeout=1000'],
      '-access-log-disabled',
    ],
    resources: serverResources,
    ports: [{ name: 'http', containerPort: port }],
    readinessProbe: { httpGet: { path: healthPath, port }, ...patientProbe },
    securityContext: { readOnlyRootFilesystem: true, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata,
      rules: [
        { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs },
        { apiGroups: [''], resources: ['services', 'endpoints', 'pods'], verbs },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: rbac, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        type: 'LoadBalancer',
        loadBalancerClass,
        allocateLoadBalancerNodePorts: false,
        selector: labels,
        ports: [{ name: 'http', port: 80, targetPort: port }],
      },
    },
    deployment(metadata, {
      replicas,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      pods: { serviceAccountName: name, containers: [container] },
    }),
  ];
}

/** Hosts by the Service that answers for them. */
export function ingress(namespace: string, ingressClassName: string, hosts: Record<string, string>): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: ingressClassName, namespace },
    spec: {
      ingressClassName,
      rules: Object.entries(hosts).map(([host, service]) => ({
        host,
        http: {
          paths: [
            {
              path: '/',
              pathType: 'Prefix',
              backend: { service: { name: service, port: { number: 80 } } },
            },
          ],
        },
      })),
    },
  };
}
