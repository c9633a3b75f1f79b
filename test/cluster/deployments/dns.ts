/** A server of a small zone, three times, and its Service with one port for UDP and TCP. */
import { dnsImage } from '../../../lab/cluster/images/lab-images.ts';
import { deployment, patientProbe, serverResources } from '../manifests.ts';

export const zone = 'example.org';
export const records: Record<string, string> = {
  [`www.${zone}`]: '192.0.2.10',
  [`mail.${zone}`]: '192.0.2.20',
};

/**
 * nsid (RFC 5001): an answer says which server gave it. lameduck: a leaving server answers as before, as
 * long as docs/operations.md asks of it. */
const corefile = `${zone}:5353 {
  nsid
  errors
  ready
  health {
    lameduck 10s
  }
  file /etc/coredns/zone
}
`;
const zoneFile = `$ORIGIN ${zone}.
@ 60 IN SOA ns hostmaster 1 3600 600 86400 60
@ 60 IN NS ns
ns 60 IN A 192.0.2.1
${Object.entries(records)
  .map(([name, address]) => `${name}. 60 IN A ${address}\n`)
  .join('')}`;

/** What keepalived asks each server, as docs/operations.md has it; any answer will do. */
export const healthCheckHex = '0001000000010000000000000000060001';

export function dnsServers(name: string, namespace: string, replicas: number): object[] {
  const labels = { app: name };
  const metadata = { name, namespace, labels };
  const port = 5353;
  const container = {
    name: 'coredns',
    image: dnsImage,
    args: ['-conf', '/etc/coredns/Corefile'],
    ports: (['UDP', 'TCP'] as const).map((protocol) => ({ containerPort: port, protocol })),
    resources: serverResources,
    volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
    readinessProbe: { httpGet: { path: '/ready', port: 8181 }, ...patientProbe },
    securityContext: { runAsNonRoot: true, runAsUser: 65534, capabilities: { drop: ['ALL'] } },
  };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: corefile, zone: zoneFile } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        selector: labels,
        ports: [
          { name: 'dns', port: 53, targetPort: port, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, targetPort: port, protocol: 'TCP' },
        ],
      },
    },
    deployment(metadata, {
      replicas,
      pods: { containers: [container], volumes: [{ name: 'config', configMap: { name } }] },
    }),
  ];
}
