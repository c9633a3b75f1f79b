import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ServerPod } from '../../lab/api.ts';
import { type DataCentre, openLab, waitFor } from '../../lab/lab.ts';
import { listNamespaces } from '../../lab/network/namespaces.ts';

const prefix = '203.0.113.0/28';
const notAVip = '192.0.2.0/28';

/** An ExaBGP by hand in a pod: announces what it is told to both reflectors. */
async function startSpeaker(lab: DataCentre, pod: ServerPod, routes: string[]) {
  const peers = ['10.0.0.251', '10.0.0.252'].map(
    (peer) => `neighbor ${peer} {
  router-id ${pod.address}; local-address ${pod.address}; local-as 64512; peer-as 64512; hold-time 9;
  static { ${routes.map((route) => `route ${route};`).join(' ')} }
}`,
  );
  const file = join(lab.runDir, `${pod.name}.conf`);
  writeFileSync(file, `${peers.join('\n')}\n`);
  const environment = ['exabgp.daemon.user=root', 'exabgp.api.cli=false', 'exabgp.log.destination=stdout'];
  return pod.start('speaker', ['env', ...environment, 'exabgp', file]);
}

const chains = [
  { router: 'bird', reflectors: ['bird', 'gobgp'] },
  { router: 'frr', reflectors: ['gobgp', 'bird'] },
] as const;

for (const { router: software, reflectors } of chains) {
  describe(`network: router ${software}, reflectors ${reflectors.join(' and ')} @both`, () => {
    let lab: DataCentre;
    let pods: ServerPod[];
    const speakers: Awaited<ReturnType<typeof startSpeaker>>[] = [];

    before(async () => {
      lab = await openLab();
      await lab.addDataCentre({ nodes: 3, router: software, reflectors: [...reflectors] });
      const service = lab.service({ name: 'a', prefixes: [prefix], ports: [{ port: 80, targetPort: 8080 }] });
      pods = await service.setServers(3);
    });
    after(() => lab.close());

    it('client, router, node and pod reach each other', async () => {
      const [client] = lab.clients;
      const urls = pods.map((pod) => `http://${pod.address}:8080/`);
      const report = await client?.requests({ urls, count: 30 });
      expect(report?.failed).to.deep.equal([]);
      expect(report?.perServer).to.deep.equal({ 'a-srv-1': 10, 'a-srv-2': 10, 'a-srv-3': 10 });
      // No address is translated on the way.
      expect(report?.perLbPod).to.deep.equal({ '10.1.0.1': 30 });
    });

    it('the router has a next-hop for every speaker', async () => {
      const [router] = lab.routers;
      for (const pod of pods) {
        const routes = [`${prefix} next-hop ${pod.node.address}`, `${notAVip} next-hop ${pod.node.address}`];
        speakers.push(await startSpeaker(lab, pod, routes));
      }
      await router?.waitForNextHops(prefix, ['10.0.0.1', '10.0.0.2', '10.0.0.3'], 30_000);
      const table = await router?.exec(['ip', 'route', 'show', prefix]);
      expect(table?.match(/nexthop/g)).to.have.length(3);
    });

    it('a prefix that is no VIP, or a next-hop that is no node, goes no further than the reflectors', async () => {
      const [router] = lab.routers;
      const extra = await (lab.services[0] as DataCentre['services'][number]).addServer();
      const speaker = await startSpeaker(lab, extra, [
        '203.0.113.64/28 next-hop 10.0.0.254',
        '203.0.113.128/28 next-hop 10.0.0.1',
      ]);
      // Its good route, at both reflectors, shows that its bad ones had the time to arrive.
      for (const reflector of lab.reflectors) {
        await waitFor(`the good route at ${reflector.name}`, async () => {
          const shown = await reflector.show();
          return shown.includes('203.0.113.128/28') || { notYet: shown };
        });
      }
      await router?.waitForNextHops('203.0.113.128/28', ['10.0.0.1'], 30_000);
      expect(router?.nextHops('203.0.113.64/28')).to.deep.equal([]);
      expect(router?.nextHops(notAVip)).to.deep.equal([]);
      await speaker.kill();
    });

    it('a reflector that dies takes no next-hop with it', async () => {
      const [router] = lab.routers;
      const before = router?.history(prefix).length;
      await lab.reflectors[0]?.kill();
      await speakers[2]?.kill();
      // The second speaker's goodbye came over the reflector that is left: so the other is not needed.
      await router?.waitForNextHops(prefix, ['10.0.0.1', '10.0.0.2'], 30_000);
      const since = router?.history(prefix).slice(before) ?? [];
      expect(Math.min(...since.map((change) => change.nextHops.length))).to.equal(2);
    });

    it('nothing is left when the lab is closed', async () => {
      const pids = lab.describe().flatMap((role) => Object.values(role.processes).map(({ pid }) => pid));
      expect(pids.filter((pid) => pid > 0)).to.have.length.greaterThan(8);
      await lab.close();
      expect(listNamespaces('plb-')).to.deep.equal([]);
      expect(pids.filter((pid) => pid > 0 && existsSync(`/proc/${pid}`))).to.deep.equal([]);
    });
  });
}
