import { serverImage } from '../../lab/cluster/images/lab-images.ts';

/** Quick to say that a pod is ready; a machine that is shared by many must not look like a pod that is not. */
export const patientProbe = { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 10 };

/** Without a request a pod gets next to nothing of a node's one processor when LB pods, which have theirs, want it. */
export const serverResources = { requests: { cpu: '100m' } };

/** The lab's nginx as a Deployment spread over the nodes, and its Service: port 80 to 8080 of the pods. */
export function servers(options: {
  namespace: string;
  name: string;
  replicas: number;
  service?: object;
  /** For which a leaving server goes on as before, so that whoever sends it requests has time to learn of it. */
  leaveSeconds?: number;
  /** Over the readiness probe's own figures, such as patientProbe. */
  probe?: object;
}): object[] {
  const { namespace, name, replicas, service = {}, leaveSeconds = 0, probe = {} } = options;
  const labels = { app: name };
  const metadata = { name, namespace, labels };
  const container = {
    name: 'server',
    image: serverImage,
    ports: [{ name: 'http', containerPort: 8080 }],
    resources: { requests: { cpu: '40m' } },
    readinessProbe: {
      httpGet: { path: '/healthz', port: 8080 },
      periodSeconds: 1,
      timeoutSeconds: 4,
      ...probe,
    },
    ...(leaveSeconds > 0 && { lifecycle: { preStop: { sleep: { seconds: leaveSeconds } } } }),
  };
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: labels },
  };
  return [
    deployment(metadata, {
      replicas,
      pods: { topologySpreadConstraints: [spread], containers: [container] },
    }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...service },
    },
  ];
}

/** Of pods with the label `app`, its own name. */
export function deployment(
  { name, namespace }: { name: string; namespace: string },
  { replicas, pods, strategy }: { replicas: number; pods: object; strategy?: object },
): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      ...(strategy && { strategy }),
      template: { metadata: { labels }, spec: pods },
    },
  };
}
