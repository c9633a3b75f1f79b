import { expect } from 'chai';
import { type Cluster, openCluster } from '../../lab/cluster/cluster.ts';
import { databasesImage } from '../../lab/cluster/images/databases.ts';
import { waitFor } from '../../lab/wait.ts';

const namespace = 'databases-test';

describe('databases of the cluster', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
    await cluster.freshNamespace(namespace);
    await cluster.apply(['redis', 'postgres'].map(pod));
    await cluster.waitForPods(namespace, 'app', 2, 120_000);
  });
  after(() => cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']));

  async function addressOf(name: string): Promise<string> {
    const [found] = await cluster.waitForPods(namespace, `app=${name}`, 1);
    return found?.status.podIP ?? '';
  }

  it('answers psql of the client', async () => {
    const target = ['--host', await addressOf('postgres'), '--username', 'postgres'];
    const psql = ['chroot', cluster.databases, '/usr/lib/postgresql/17/bin/psql', ...target, '--tuples-only'];
    const query = "select current_setting('cluster_name')";
    const answer = await waitFor('PostgreSQL to answer', () =>
      cluster.client.exec([...psql, '--command', query]),
    );
    expect(answer.trim()).to.equal('postgres');
  });

  it('answers redis-cli of the client', async () => {
    const cli = ['chroot', cluster.databases, '/usr/bin/redis-cli', '-h', await addressOf('redis')];
    await waitFor('Redis to answer', async () =>
      (await cluster.client.exec([...cli, 'ping'])).includes('PONG'),
    );
    await cluster.client.exec([...cli, 'set', 'key', 'kept']);
    expect((await cluster.client.exec([...cli, 'get', 'key'])).trim()).to.equal('kept');
  });
});

function pod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: { containers: [{ name, image: databasesImage, args: [name] }] },
  };
}
