import { expect } from 'chai';
import { type Cluster, openCluster } from '../../lab/cluster/cluster.ts';
import { waitFor } from '../../lab/wait.ts';
import { servers } from './manifests.ts';

const namespace = 'cluster-test';

describe('the cluster of the tests', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
    await cluster.freshNamespace(namespace);
    await cluster.apply(servers({ namespace, name: 'web', replicas: 3 }));
    await cluster.waitForPods(namespace, 'app=web', 3);
  });
  after(() => cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']));

  it('has three nodes that are Ready, with a version and a pod CIDR each', async () => {
    const text = await cluster.kubectl([
      'get',
      'nodes',
      '-o',
      'jsonpath={range .items[*]}{.metadata.name} {.spec.podCIDR} {.status.nodeInfo.kubeletVersion}{"\\n"}{end}',
    ]);
    expect(text.trim().split('\n')).to.deep.equal(
      cluster.nodes.map(({ name, podCidr }) => `${name} ${podCidr} v1.36.3`),
    );
  });

  it('lets pods of different nodes speak to each other under their own addresses', async () => {
    const pods = await cluster.waitForPods(namespace, 'app=web', 3);
    expect(new Set(pods.map(({ spec }) => spec.nodeName))).to.have.property('size', 3);
    for (const from of pods) {
      for (const to of pods) {
        const url = `http://${to.status.podIP}:8080/`;
        const answer = await cluster.kubectl([
          ...['exec', '-n', namespace, from.metadata.name, '--'],
          ...['curl', '--silent', '--show-error', '--max-time', '5', url],
        ]);
        expect(answer.trim()).to.equal(`${to.metadata.name} ${from.status.podIP} 8080`);
      }
    }
  });

  it('spreads a ClusterIP over the pods, by its DNS name too', async () => {
    const [pod] = await cluster.waitForPods(namespace, 'app=web', 3);
    const script = `for i in $(seq 30); do curl --silent --max-time 5 http://web.${namespace}.svc.cluster.local/; done`;
    const text = await cluster.kubectl([
      'exec',
      '-n',
      namespace,
      pod?.metadata.name ?? '',
      '--',
      'sh',
      '-c',
      script,
    ]);
    const answers = text.trim().split('\n');
    expect(answers).to.have.length(30);
    expect(new Set(answers.map((line) => line.split(' ')[0]))).to.have.property('size', 3);
  });

  it('lets the client reach pods through router and nodes', async () => {
    const pods = await cluster.waitForPods(namespace, 'app=web', 3);
    const urls = pods.map(({ status }) => `http://${status.podIP}:8080/`);
    const report = await cluster.client.requests({ urls, count: 30 });
    expect(report.failed).to.deep.equal([]);
    expect(Object.keys(report.perServer).sort()).to.deep.equal(
      pods.map(({ metadata }) => metadata.name).sort(),
    );
    expect(report.results[0]?.from).to.equal('10.1.0.1');
  });

  it('gets a node back under its name after a power failure', async () => {
    const [node] = cluster.nodes.slice(-1);
    if (node === undefined) throw new Error('no nodes');
    const bootId = async () => {
      const { status } = await cluster.api.call<{ status: { nodeInfo: { bootID: string } } }>(
        'GET',
        `/api/v1/nodes/${node.name}`,
      );
      return status.nodeInfo.bootID;
    };
    const before = await bootId();
    await node.kill();
    expect(await node.isUp()).to.equal(false);
    await node.start();
    await waitFor(`${node.name} to be known as booted again`, async () => (await bootId()) !== before, {
      deadlineMs: 240_000,
    });
    await cluster.waitForNodes(240_000);
    await cluster.waitForPods(namespace, 'app=web', 3, 240_000);
  });
});
