/** Which Service a release takes, what it writes back to Kubernetes, and two releases beside each other. */
import type { V1Service } from '@kubernetes/client-node';
import { expect } from 'chai';
import type { Cluster, Pod } from '../../lab/cluster/cluster.ts';
import { waitFor } from '../../lab/wait.ts';
import { testNamespace as namespace, openSite, patientMs, type Site } from './site.ts';

const byClass = 'sorted';
const byIngress = 'routed';
const both = [byClass, byIngress] as const;
const prefixes = { [byClass]: '203.0.113.128/28', [byIngress]: '203.0.113.144/28' };
const address = { [byClass]: '203.0.113.129', [byIngress]: '203.0.113.145' };
const lbClass = 'portable-lb.io/sorted';

describe('Services in the cluster', function () {
  this.timeout(2 * patientMs);
  let site: Site;
  let cluster: Cluster;

  before(async () => {
    site = await openSite();
    ({ cluster } = site);
    await Promise.all([
      site.deployServers(byClass, 2, { type: 'LoadBalancer', loadBalancerClass: lbClass }),
      site.deployServers(byIngress, 2),
      cluster.apply(ingress(byIngress, 'ipvs')),
      site.installLb({
        name: byClass,
        service: { loadBalancerClass: lbClass },
        prefixes: [prefixes[byClass]],
        replicas: 2,
      }),
      site.installLb({
        name: byIngress,
        service: { ingressClassName: 'ipvs' },
        prefixes: [prefixes[byIngress]],
        replicas: 2,
      }),
    ]);
    for (const name of both) {
      await cluster.waitForPods(namespace, `app=${name}`, 2, patientMs);
      await site.lbPods(name, 2);
      await cluster.router.waitForNextHops(prefixes[name], 2, patientMs);
    }
  });
  after(async () => {
    await site.uninstallLb(byClass, byIngress);
    const made = both.flatMap((name) => [`deployment/${name}`, `service/${name}`]);
    await cluster.kubectl([
      ...['delete', '-n', namespace, '--ignore-not-found'],
      ...[...made, `ingress/${byIngress}`, 'service/sorted-too', 'ingress/routed-too'],
    ]);
  });

  const untilEvent = (name: string, pattern: RegExp) =>
    site.untilSaid(pattern, [
      ...['get', 'events', '-n', namespace, '--field-selector', `involvedObject.name=${name}`],
    ]);
  const statusOf = async (name: string) =>
    (await cluster.get<V1Service>('services', name, namespace))?.status?.loadBalancer ?? {};
  /** Connections that IPVS of these pods has taken from clients. */
  async function connectionsOf(pods: Pod[]): Promise<number> {
    const texts = await Promise.all(
      pods.map((pod) => site.execIn(pod, 'controller', ['ipvsadm', '-Ln', '--stats', '--exact'])),
    );
    return texts
      .flatMap((text) => [...text.matchAll(/^FWM +\d+ +(\d+)/gm)])
      .reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** The kernel adds its counters up every two seconds (net/netfilter/ipvs/ip_vs_est.c). */
  const untilConnections = (pods: Pod[], wanted: number) =>
    waitFor(
      `IPVS to have counted ${wanted} connections`,
      async () => {
        const counted = await connectionsOf(pods);
        return counted === wanted || { notYet: `${counted}` };
      },
      { everyMs: 300 },
    );

  /** Once nothing that was sent before is still to be counted. */
  async function settledConnectionsOf(pods: Pod[]): Promise<number> {
    let last = -1;
    let sameSinceMs = performance.now();
    await waitFor(
      'the counters to stand still for three seconds',
      async () => {
        const counted = await connectionsOf(pods);
        if (counted !== last) sameSinceMs = performance.now();
        last = counted;
        return performance.now() - sameSinceMs > 3_000 || { notYet: `${counted}` };
      },
      { everyMs: 300 },
    );
    return last;
  }

  it('two releases on the same nodes: each answers for its own Service', async () => {
    const reports = await Promise.all(
      both.map((name) => cluster.client.requests({ urls: [`http://${address[name]}/`], count: 60 })),
    );
    for (const [i, name] of both.entries()) {
      expect(reports[i]?.failed).to.deep.equal([]);
      const answered = Object.keys(reports[i]?.perServer ?? {});
      expect(answered).to.have.length(2);
      for (const server of answered) expect(server).to.match(new RegExp(`^${name}-`));
      expect(Object.keys(reports[i]?.perLbPod ?? {})).to.have.length(2);
    }
  });

  it('one of type LoadBalancer gets its address with ipMode Proxy, and who announces is told', async () => {
    await waitFor(
      'the status',
      async () => {
        const status = await statusOf(byClass);
        return status.ingress !== undefined || { notYet: JSON.stringify(status) };
      },
      { deadlineMs: patientMs },
    );
    expect(await statusOf(byClass)).to.deep.equal({
      ingress: [{ ip: address[byClass], ipMode: 'Proxy' }],
    });
    expect(await statusOf(byIngress)).to.deep.equal({});
    await untilEvent(byClass, /Normal +Announced +service\/sorted +.*203\.0\.113\.128\/28/);
    const listed = await cluster.kubectl(['get', 'service', byClass, '-n', namespace]);
    expect(listed).to.match(new RegExp(`LoadBalancer +\\S+ +${address[byClass].replaceAll('.', '\\.')} `));
  });

  it('kube-proxy leaves the address alone: every connection from outside crosses an LB pod', async () => {
    const pods = await site.lbPods(byClass, 2);
    const before = await settledConnectionsOf(pods);
    const count = 90;
    const report = await cluster.client.requests({ urls: [`http://${address[byClass]}/`], count });
    expect(report.failed).to.deep.equal([]);
    await untilConnections(pods, before + count);
    for (const node of cluster.nodes) {
      const rules = await node.exec(['sh', '-c', 'iptables-save -t nat']);
      expect(rules, node.name).to.include(`${namespace}/${byClass}:http cluster IP`);
      expect(rules, node.name).to.not.include(address[byClass]);
    }
  });

  it('a pod of the cluster that asks the address crosses an LB pod too', async () => {
    const pods = await site.lbPods(byClass, 2);
    const [asking] = await cluster.waitForPods(namespace, `app=${byIngress}`, 2, patientMs);
    const before = await settledConnectionsOf(pods);
    const answer = await site.execIn(asking as Pod, 'server', [
      ...['curl', '--silent', '--show-error', '--max-time', '5', `http://${address[byClass]}/`],
    ]);
    expect(answer).to.match(/^sorted-/);
    await untilConnections(pods, before + 1);
  });

  it('a second Service of the class is refused by name, and the first is served on', async () => {
    const spec = { type: 'LoadBalancer', loadBalancerClass: lbClass, ports: [{ port: 80 }] };
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'sorted-too', namespace },
      spec,
    });
    const told = await untilEvent('sorted-too', /Warning +Refused +service\/sorted-too/);
    expect(told).to.include(`${namespace}/${byClass}`);
    expect(await statusOf('sorted-too')).to.deep.equal({});
    expect((await site.untilAnswered(`http://${address[byClass]}/`)).server).to.match(/^sorted-/);
    await cluster.kubectl(['delete', 'service', 'sorted-too', '-n', namespace]);
  });

  it('externalIPs within a VIP prefix are refused by an Event: kube-proxy would take them', async () => {
    const patch = (externalIPs: string[] | null) =>
      cluster.kubectl([
        ...['patch', 'service', byClass, '-n', namespace, '--type=merge'],
        ...['--patch', JSON.stringify({ spec: { externalIPs } })],
      ]);
    await patch(['203.0.113.130']);
    try {
      const told = await untilEvent(byClass, /Warning +Refused +service\/sorted .*externalIPs/);
      expect(told).to.include('203.0.113.130');
    } finally {
      await patch(null);
    }
  });

  it('of an Ingress, only the Service that its rules name counts', async () => {
    await cluster.apply(ingress('nobody', 'ipvs', 'routed-too'));
    const told = await untilEvent('routed-too', /Warning +Refused +ingress\/routed-too/);
    expect(told).to.include(`${namespace}/${byIngress}`);
    expect((await site.untilAnswered(`http://${address[byIngress]}/`)).server).to.match(/^routed-/);
    await cluster.kubectl(['delete', 'ingress', 'routed-too', '-n', namespace]);
  });

  it('an LB pod that leaves tells so beside the Service', async () => {
    await site.scale(`${byClass}-portable-lb`, 1);
    await site.lbPods(byClass, 1);
    await untilEvent(byClass, /Normal +Withdrawn +service\/sorted .*the pod is stopping/);
    expect((await statusOf(byClass)).ingress).to.have.length(1);
  });

  it('when one is uninstalled, its route, status and pods go, and the other is not touched', async () => {
    const changes = cluster.router.history(prefixes[byIngress]).length;
    const load = await cluster.client.startLoad({
      urls: [`http://${address[byIngress]}/`],
      ratePerSecond: 30,
    });
    await site.uninstallLb(byClass);
    await cluster.router.waitForNextHops(prefixes[byClass], [], patientMs);
    const report = await load.stop();
    expect(report.failed).to.deep.equal([]);
    expect(await statusOf(byClass)).to.deep.equal({});
    expect(cluster.router.history(prefixes[byIngress])).to.have.length(changes);
  });
});

/** One whose default backend is nobody's business. */
function ingress(backend: string, ingressClassName: string, name = backend): object {
  const service = { name: backend, port: { number: 80 } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace },
    spec: {
      ingressClassName,
      defaultBackend: { service: { name: 'default-http-backend', port: { number: 80 } } },
      rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service } }] } }],
    },
  };
}
