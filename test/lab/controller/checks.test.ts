/** What keepalived's health checks find out: who leaves the rules, who comes back, and what the lease makes of it. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import { readIpvs } from './ipvs-table.ts';
import { readMarks } from './mark-rules.ts';
import { counters, logLength, logLines, openStation, prefix, type Station } from './station.ts';

const deadlineMs = 60_000;

describe('health checks', function () {
  this.timeout(240_000);
  let station: Station;
  const place = (nth: number, port = 8080) => `${station.service.servers[nth]?.address}:${port}`;

  before(async () => {
    station = await openStation({
      routes: 'announced',
      ports: [
        { name: 'web', port: 80, targetPort: 8080 },
        { name: 'dns', protocol: 'UDP', port: 53, targetPort: 5353 },
      ],
      settings: {
        lease: { holdDownSeconds: 1 },
        healthCheck: { delayLoopSeconds: 1, connectTimeoutSeconds: 1 },
        drain: { seconds: 1 },
      },
    });
  });
  after(() => station?.lab.close());

  const mark = async (key: string) => (await readMarks(station.pod))[key];

  /** Servers of a port as they are in the kernel, those that must be there. */
  async function serversAre(key: string, wanted: Record<string, number>, holdsMs = 0) {
    const name = `FWM ${await mark(key)}`;
    const sorted = (table: Record<string, number>) => JSON.stringify(Object.entries(table).sort());
    const look = async () => (await readIpvs(station.pod))[name]?.servers ?? {};
    await waitFor(
      `servers of ${key} to be ${JSON.stringify(wanted)}`,
      async () => {
        const servers = await look();
        return sorted(servers) === sorted(wanted) || { notYet: JSON.stringify(servers) };
      },
      { deadlineMs, everyMs: 100 },
    );
    for (const endMs = performance.now() + holdsMs; performance.now() < endMs; )
      expect(sorted(await look()), `servers of ${key}, later`).to.equal(sorted(wanted));
  }

  const checksTold = (from: number) =>
    logLines(station.pod, from)
      .filter(({ event }) => event === 'check')
      .map(({ msg }) => msg);

  it('a dead server leaves the rules, verify does not put it back, and it returns when it lives', async () => {
    const { client, service, pod } = station;
    const all = { [place(0)]: 1, [place(1)]: 1, [place(2)]: 1 };
    const udp = { [place(0, 5353)]: 1, [place(1, 5353)]: 1, [place(2, 5353)]: 1 };
    await serversAre('TCP/80', all);
    const { drift } = await counters(pod);
    const from = logLength(pod);
    await service.servers[0]?.kill();
    // Longer than verify's patience and several of its rounds.
    await serversAre('TCP/80', { [place(1)]: 1, [place(2)]: 1 }, 4000);
    await serversAre('UDP/53', udp);
    expect((await counters(pod)).drift).to.equal(drift);
    expect(checksTold(from)).to.deep.equal([
      `default/web health check failed, taken out: TCP/80 ${place(0)}`,
    ]);
    const report = await client.requests({ urls: [service.url()], count: 20 });
    expect(report.failed).to.deep.equal([]);
    expect(await pod.metric('controller', 'portable_lb_real_servers_live')).to.equal(5);
    await service.servers[0]?.restart();
    await serversAre('TCP/80', all);
    await waitFor('word of its return', () => checksTold(from).some((line) => /passes again/.test(line)), {
      deadlineMs,
    });
    expect((await counters(pod)).drift).to.equal(drift);
  });

  it('a server that is dead, then drained, then taken back, dead all the while', async () => {
    const { service, pod } = station;
    const [server] = service.servers;
    await server?.kill();
    await serversAre('TCP/80', { [place(1)]: 1, [place(2)]: 1 });
    const { drift } = await counters(pod);
    // Draining has no check: it is there with weight 0, as any other that drains.
    await server?.setReady('unready');
    await serversAre('TCP/80', { [place(0)]: 0, [place(1)]: 1, [place(2)]: 1 }, 1500);
    await server?.setReady('ready');
    // Its check finds out anew.
    await serversAre('TCP/80', { [place(1)]: 1, [place(2)]: 1 }, 2500);
    await server?.restart();
    await serversAre('TCP/80', { [place(0)]: 1, [place(1)]: 1, [place(2)]: 1 });
    expect((await counters(pod)).drift).to.equal(drift);
  });

  it('a dead server that is removed and comes back alive', async () => {
    const { service } = station;
    const [, , server] = service.servers;
    await server?.kill();
    await serversAre('TCP/80', { [place(0)]: 1, [place(1)]: 1 });
    await service.setEndpoints(service.servers.slice(0, 2).map(({ endpoint }) => endpoint));
    await serversAre('UDP/53', { [place(0, 5353)]: 1, [place(1, 5353)]: 1 });
    await server?.restart();
    await service.setEndpoints(undefined);
    await serversAre('TCP/80', { [place(0)]: 1, [place(1)]: 1, [place(2)]: 1 }, 2500);
  });

  it('all servers dead: the lease says no after the hold-down and the prefix is withdrawn; one alive: announced', async () => {
    const { service, router, pod, node, client } = station;
    // Without the port of UDP, which has no check and whose servers so count as live.
    await service.setPorts([{ name: 'web', port: 80, targetPort: 8080 }]);
    await waitFor('the port of UDP to be gone', async () => (await mark('UDP/53')) === undefined, {
      deadlineMs,
    });
    const from = logLength(pod);
    await Promise.all(service.servers.map((server) => server.kill()));
    await router.waitForNextHops(prefix, 0, deadlineMs);
    const lease = logLines(pod, from).find(({ event }) => event === 'lease');
    const told = logLines(pod, from)
      .filter(({ event }) => event === 'lease')
      .map(({ msg }) => msg);
    expect(lease).to.not.equal(undefined);
    expect(told).to.deep.equal([
      'lease says yes: no live server, held down',
      'lease says no: no live server',
    ]);
    await service.servers[1]?.restart();
    await router.waitForNextHops(prefix, [node.address], deadlineMs);
    const report = await client.requests({ urls: [service.url()], count: 10 });
    expect(report.failed).to.deep.equal([]);
    await Promise.all([service.servers[0]?.restart(), service.servers[2]?.restart()]);
    await serversAre('TCP/80', { [place(0)]: 1, [place(1)]: 1, [place(2)]: 1 });
  });

  it('http: a server that answers with another status leaves, though its port is open', async () => {
    const { service, pod } = station;
    let from = logLength(pod);
    await service.updateSettings({
      healthCheck: { type: 'http', http: { path: '/healthz', statusCode: 200 } },
    });
    await pod.controller.waitForLog(/configuration changed/, { deadlineMs, sinceOffset: from });
    await serversAre('TCP/80', { [place(0)]: 1, [place(1)]: 1, [place(2)]: 1 }, 1500);
    from = logLength(pod);
    await service.updateSettings({ healthCheck: { http: { path: '/bytes/absent', statusCode: 200 } } });
    await serversAre('TCP/80', {});
    expect(checksTold(from).join('\n')).to.match(/taken out/);
    await service.updateSettings({ healthCheck: { http: { path: '/bytes/absent', statusCode: 404 } } });
    await serversAre('TCP/80', { [place(0)]: 1, [place(1)]: 1, [place(2)]: 1 }, 1500);
  });

  it('none: nobody is looked after, a dead server stays', async () => {
    const { service, pod } = station;
    const from = logLength(pod);
    await service.updateSettings({ healthCheck: { type: 'none', http: null } });
    await pod.controller.waitForLog(/configuration changed/, { deadlineMs, sinceOffset: from });
    await service.servers[0]?.kill();
    await serversAre('TCP/80', { [place(0)]: 1, [place(1)]: 1, [place(2)]: 1 }, 4000);
    expect(checksTold(from)).to.deep.equal([]);
    await service.servers[0]?.restart();
  });

  it('udp: a server whose port is unreachable leaves, and returns', async () => {
    const { service } = station;
    await service.updateSettings({
      healthCheck: { type: 'tcp', udp: { payloadHex: '00', requireReply: false } },
    });
    await service.setPorts([
      { name: 'web', port: 80, targetPort: 8080 },
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: 5353 },
    ]);
    await waitFor('the port of UDP', async () => (await mark('UDP/53')) !== undefined, { deadlineMs });
    await service.servers[1]?.kill();
    await serversAre('UDP/53', { [place(0, 5353)]: 1, [place(2, 5353)]: 1 });
    await service.servers[1]?.restart();
    await serversAre('UDP/53', { [place(0, 5353)]: 1, [place(1, 5353)]: 1, [place(2, 5353)]: 1 });
  });
});
