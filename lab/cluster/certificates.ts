import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../network/command.ts';
import { apiServerNames, apiUrl, nodeName, nodeNames, nodeNumbers } from './plan.ts';

interface Certificate {
  name: string;
  ca: 'ca' | 'front-proxy-ca';
  commonName: string;
  /** A group, for Kubernetes. */
  organization?: string;
  alternativeNames?: string[];
}

/** As kubeadm lays them out: https://kubernetes.io/docs/setup/best-practices/certificates/ */
function certificates(): Certificate[] {
  const client = (name: string, commonName: string, organization?: string): Certificate => ({
    name,
    ca: 'ca',
    commonName,
    ...(organization === undefined ? {} : { organization }),
  });
  return [
    { ...client('apiserver', 'kube-apiserver'), alternativeNames: apiServerNames() },
    client('apiserver-kubelet-client', 'kube-apiserver-kubelet-client', 'system:masters'),
    client('admin', 'lab-admin', 'system:masters'),
    client('controller-manager', 'system:kube-controller-manager'),
    client('scheduler', 'system:kube-scheduler'),
    client('kube-proxy', 'system:kube-proxy'),
    { ...client('front-proxy-client', 'front-proxy-client'), ca: 'front-proxy-ca' },
    ...nodeNumbers().map((index) => ({
      ...client(nodeName(index), `system:node:${nodeName(index)}`, 'system:nodes'),
      alternativeNames: nodeNames(index),
    })),
  ];
}

const users = ['admin', 'controller-manager', 'scheduler', 'kube-proxy'];
const days = '3650';

/** Keys, certificates and kubeconfigs of one cluster in a folder of its own. */
export async function makeKeys(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const openssl = (args: string[]) => run(['openssl', ...args]);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const file = (name: string) => join(folder, name);
  await Promise.all([
    ...['ca', 'front-proxy-ca'].map((name) =>
      openssl([
        ...['req', '-x509', ...newKey, '-days', days, '-subj', `/CN=lab-${name}`],
        ...['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
      ]),
    ),
    openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file('sa.key')]),
  ]);
  await openssl(['pkey', '-in', file('sa.key'), '-pubout', '-out', file('sa.pub')]);
  await Promise.all(
    certificates().map(({ name, ca, commonName, organization, alternativeNames = [] }) => {
      const group = organization === undefined ? '' : `/O=${organization}`;
      const names =
        alternativeNames.length === 0 ? [] : ['-addext', `subjectAltName=${alternativeNames.join(',')}`];
      return openssl([
        ...['req', '-x509', ...newKey, '-days', days, '-subj', `${group}/CN=${commonName}`],
        ...['-CA', file(`${ca}.crt`), '-CAkey', file(`${ca}.key`)],
        ...[
          '-addext',
          'basicConstraints=critical,CA:FALSE',
          '-addext',
          'extendedKeyUsage=serverAuth,clientAuth',
        ],
        ...[...names, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
      ]);
    }),
  );
  for (const user of [...users, ...nodeNumbers().map(nodeName)])
    writeFileSync(file(`${user}.kubeconfig`), kubeconfig(apiUrl, folder, user), { mode: 0o600 });
}

/** `folder`: where keys and certificates are for the reader of the kubeconfig. */
export function kubeconfig(server: string, folder: string, user: string): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [
      {
        name: user,
        user: {
          'client-certificate': join(folder, `${user}.crt`),
          'client-key': join(folder, `${user}.key`),
        },
      },
    ],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user } }],
    'current-context': 'lab',
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
