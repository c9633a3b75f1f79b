/** Packets through the pod's rules and IPVS, with each tool that the kernel takes. */
import { expect } from 'chai';
import type { PodNetwork } from '../../../controller/kernel/network.ts';
import { type Actor, markService, natServer } from './actors.ts';
import { addresses, buildTopology, run, type Topology } from './namespaces.ts';
import { toolsHere } from './tools-here.ts';

const prefix = '203.0.113.0/28';
const vip = '203.0.113.5';
const backendPort = 8080;
const quickMs = 3000; // a refusal comes at once
/** One CPU and slow processes on the old kernel: fewer there. */
const replacements = process.env.LAB_KERNEL === '6.1' ? 20 : 100;
const silentMs = 1500; // long enough to see that nothing comes

for (const tool of toolsHere())
  describe(`packets of an LB pod (${tool})`, function () {
    this.timeout(120_000);
    let lab: Topology;
    const wanted: PodNetwork = {
      interface: 'eth0',
      prefixes: [prefix],
      ports: [
        { protocol: 'TCP', port: 80, mark: 1 },
        { protocol: 'UDP', port: 53, mark: 2 },
        { protocol: 'TCP', port: 9999, mark: 9 }, // a mark without a virtual service
      ],
      unmatched: 'reject',
    };

    before(async () => {
      lab = await buildTopology(prefix);
      await Promise.all(
        lab.servers.map((server, at) => server.serve(`server${at + 1}`, '0.0.0.0', backendPort)),
      );
      expect(await lab.pod.openNetwork(tool)).to.equal(tool);
      for (const mark of [1, 2]) {
        await lab.pod.ipvs('addService', markService(mark));
        for (const address of addresses.servers)
          await lab.pod.ipvs('addDestination', markService(mark), natServer(address, backendPort));
      }
      // Listeners of the pod: one on every address, at ports of the Service and at one that is not.
      for (const port of [80, 53, 9999, 9440]) await lab.pod.serve('pod', '0.0.0.0', port);
      const { problems, advice } = await lab.pod.ensure(wanted);
      expect([...problems, ...advice]).to.deep.equal([]);
    });

    after(() => lab?.remove());
    afterEach(async () => {
      await lab.pod.ensure(wanted);
    });

    it('spreads HTTP over the servers, from every address of the prefix, with the address of the pod as client', async () => {
      const bodies = [];
      for (const last of [0, 5, 5, 15])
        bodies.push((await lab.client.ask(`203.0.113.${last}`, 80, quickMs)).body);
      expect(bodies.filter((body) => body === `server1 ${addresses.pod}`)).to.have.length(2);
      expect(bodies.filter((body) => body === `server2 ${addresses.pod}`)).to.have.length(2);
    });

    it('spreads UDP over the servers', async () => {
      const bodies = [];
      for (let at = 0; at < 4; at += 1) bodies.push((await lab.client.askUdp(vip, 53, quickMs)).body);
      expect(new Set(bodies)).to.deep.equal(
        new Set([`server1 ${addresses.pod}`, `server2 ${addresses.pod}`]),
      );
    });

    it('refuses a port that is not of the Service, even where the pod listens on every address', async () => {
      for (const port of [9440, 81, 53, 22]) {
        const { error, body } = await lab.client.ask(vip, port, quickMs);
        expect({ port, error, body }).to.deep.equal({ port, error: 'ECONNREFUSED', body: undefined });
      }
      for (const port of [9440, 80]) {
        const { error, body } = await lab.client.askUdp(vip, port, quickMs);
        expect({ port, error, body }).to.deep.equal({ port, error: 'ECONNREFUSED', body: undefined });
      }
    });

    it('keeps a marked packet without a virtual service from a listener of the pod', async () => {
      const { error, body } = await lab.client.ask(vip, 9999, silentMs);
      expect(body).to.equal(undefined);
      // iptables has no chain after IPVS: there the answer of the listener is dropped.
      expect(error).to.equal(tool === 'nft' ? 'ECONNREFUSED' : 'ETIMEDOUT');
    });

    it('leaves the address of the pod alone', async () => {
      const { body } = await lab.client.ask(addresses.pod, 9440, quickMs);
      expect(body).to.equal(`pod ${addresses.client}`);
      expect((await lab.client.askUdp(addresses.pod, 9440, quickMs)).body).to.equal(
        `pod ${addresses.client}`,
      );
    });

    it('answers echo requests to a VIP', () => {
      const output = run(
        'ip',
        'netns',
        'exec',
        lab.names.client,
        'ping',
        '-c',
        '2',
        '-i',
        '0.2',
        '-W',
        '2',
        vip,
      );
      expect(output).to.contain('2 received');
    });

    it('drops what is unmatched when that is wanted, and still answers echo requests and the Service', async () => {
      const { changed } = await lab.pod.ensure({ ...wanted, unmatched: 'drop' });
      expect(changed.join()).to.contain('everything else dropped');
      expect((await lab.client.ask(vip, 9440, silentMs)).error).to.equal('ETIMEDOUT');
      expect((await lab.client.askUdp(vip, 9440, silentMs)).error).to.equal('ETIMEDOUT');
      expect((await lab.client.ask(vip, 80, quickMs)).body).to.contain('server');
      const output = run('ip', 'netns', 'exec', lab.names.client, 'ping', '-c', '1', '-W', '2', vip);
      expect(output).to.contain('1 received');
    });

    it('hands an ICMP error about a flow on to the real server: the path MTU of the client is found', async () => {
      // Half way to the client a narrow link: the answers of the servers need fragmentation there.
      run('ip', '-n', lab.names.node, 'link', 'set', 'client', 'mtu', '1000');
      try {
        for (const server of lab.servers) await server.serveBytes(8081, 100_000);
        await lab.pod.ipvs('addService', markService(3));
        await lab.pod.ipvs('addDestination', markService(3), natServer(addresses.servers[0], 8081));
        await lab.pod.ensure({ ...wanted, ports: [...wanted.ports, { protocol: 'TCP', port: 82, mark: 3 }] });
        const { body, error } = await lab.client.ask(vip, 82, 10_000);
        expect({ error, length: body?.length }).to.deep.equal({ error: undefined, length: 100_000 });
      } finally {
        run('ip', '-n', lab.names.node, 'link', 'set', 'client', 'mtu', '1500');
      }
    });

    it(`loses nothing while the rules are replaced ${replacements} times`, async function () {
      this.timeout(300_000);
      const other = { protocol: 'TCP', port: 81, mark: 8 } as const;
      const roles = { client: lab.client, pod: lab.pod, server1: lab.servers[0], server2: lab.servers[1] };
      const before = await readCounters(roles);
      await lab.client.startLoad(vip, 80, 1);
      for (let turn = 0; turn < replacements; turn += 1) {
        const ports = turn % 2 === 0 ? [...wanted.ports, other] : wanted.ports;
        const { changed, problems } = await lab.pod.ensure({ ...wanted, ports });
        expect(problems).to.deep.equal([]);
        expect(changed, `turn ${turn}`).to.have.length(1);
      }
      const { done, failures } = await lab.client.stopLoad();
      expect(done).to.be.greaterThan(replacements);
      expect(failures.length, `failed of ${done}: ${[...new Set(failures)].join(', ')}`).to.equal(0);
      const grown = difference(before, await readCounters(roles));
      // Sent again by a machine that stood still for a second, a SYN arrives twice, or its answer does.
      const twice = Object.keys(roles).reduce(
        (sum, role) => sum + (grown[`${role} TCPSYNChallenge`] ?? 0),
        0,
      );
      const lost = (grown['client TCPSynRetrans'] ?? 0) - twice;
      expect(lost, `SYNs lost, of ${done} requests: ${JSON.stringify(grown)}`).to.be.at.most(0);
    });

    it('tells conntrack of the pod', async () => {
      await lab.client.ask(vip, 80, quickMs);
      const { entries, limit, insertFailed, dropped } = await lab.pod.readConntrack();
      expect(entries).to.be.greaterThan(0);
      expect(limit).to.be.greaterThan(entries);
      expect({ insertFailed, dropped }).to.deep.equal({ insertFailed: 0, dropped: 0 });
    });
  });

/** Counters of TCP and IP in each role's namespace: `client TCPSynRetrans`. */
async function readCounters(roles: Record<string, Actor | undefined>): Promise<Record<string, number>> {
  const counters: Record<string, number> = {};
  for (const [role, actor] of Object.entries(roles)) {
    for (const file of ['netstat', 'snmp']) {
      const text = (await actor?.readFile(`/proc/self/net/${file}`)) ?? '';
      // A line of names, then a line of values, for each group.
      const lines = text.split('\n').map((line) => line.split(' '));
      for (let at = 0; at + 1 < lines.length; at += 2)
        for (const [column, name] of (lines[at] ?? []).entries())
          if (column > 0) counters[`${role} ${name}`] = Number(lines[at + 1]?.[column]);
    }
  }
  return counters;
}

function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const grown = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, by]) => by !== 0));
}
