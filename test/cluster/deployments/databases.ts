/** PostgreSQL and Redis as users run them: a StatefulSet and a Service each. */
import { databasesImage } from '../../../lab/cluster/images/databases.ts';
import { patientProbe, serverResources } from '../manifests.ts';

export interface Database {
  name: 'postgres' | 'redis';
  port: number;
}

export const postgres: Database = { name: 'postgres', port: 5432 };
export const redis: Database = { name: 'redis', port: 6379 };

/** Each replica has data of its own: nothing replicates between them. */
export function database({ name, port }: Database, namespace: string): object[] {
  const labels = { app: name };
  const metadata = { name, namespace, labels };
  const container = {
    name,
    image: databasesImage,
    args: [name],
    resources: serverResources,
    ports: [{ name, containerPort: port }],
    // By pg_isready in the pod each check would cost a node of the lab a second of its processor.
    readinessProbe: { tcpSocket: { port }, ...patientProbe },
  };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ name, port }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: {
        serviceName: name,
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
  ];
}
