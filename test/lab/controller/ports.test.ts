/** Ports of the Service come, go and change places; whatever is not a port of it does not answer on a VIP. */
import { connect } from 'node:net';
import { expect } from 'chai';
import type { ServicePort } from '../../../lab/api.ts';
import { waitFor } from '../../../lab/lab.ts';
import { readIpvs } from './ipvs-table.ts';
import { readMarks } from './mark-rules.ts';
import { logLength, openStation, type Station } from './station.ts';

const deadlineMs = 60_000;
const tcp = (port: number): ServicePort => ({ name: `t${port}`, port, targetPort: 8000 + port });
const udp = (port: number): ServicePort => ({
  name: `u${port}`,
  protocol: 'UDP',
  port,
  targetPort: 8000 + port,
});

describe('ports', function () {
  this.timeout(240_000);
  let station: Station;

  before(async () => {
    station = await openStation({
      ports: [tcp(80), tcp(81), tcp(82)],
      servers: 2,
      settings: { drain: { seconds: 4 } },
    });
  });
  after(() => station?.lab.close());

  const address = '203.0.113.1';

  async function portsAre(ports: ServicePort[]) {
    const wanted = ports.map(({ protocol = 'TCP', port }) => `${protocol}/${port}`).sort();
    return waitFor(
      `the ports ${wanted}`,
      async () => {
        const held = await readMarks(station.pod);
        const keys = Object.keys(held).sort();
        return `${keys}` === `${wanted}` ? held : { notYet: `${keys}` };
      },
      { deadlineMs, everyMs: 100 },
    );
  }

  it("added, removed and reordered under load: no request reaches another port's server", async () => {
    const { client, service } = station;
    const load = await client.startLoad({
      urls: [80, 81, 82].map((port) => service.url(port % 5, { port })),
      ratePerSecond: 20,
      timeoutMs: 30_000,
    });
    const steady = await client.startLoad({ urls: [service.url(7)], ratePerSecond: 10, timeoutMs: 30_000 });
    const first = await portsAre([tcp(80), tcp(81), tcp(82)]);
    for (const ports of [
      [tcp(82), tcp(81), tcp(80), tcp(79)],
      [tcp(79), tcp(80), tcp(82)],
      [tcp(82), tcp(80)],
      [tcp(80), tcp(81), tcp(82), tcp(78)],
    ]) {
      await service.setPorts(ports);
      const held = await portsAre(ports);
      for (const [key, mark] of Object.entries(first)) if (key in held) expect(held[key], key).to.equal(mark);
    }
    const [report, kept] = await Promise.all([load.stop(), steady.stop()]);
    expect(kept.failed, 'requests to a port that stays').to.deep.equal([]);
    expect(kept.results.length).to.be.greaterThan(20);
    const answered = report.results.filter(({ status }) => status === 200);
    expect(answered.length).to.be.greaterThan(50);
    const strays = answered.filter(({ url, port }) => port !== 8000 + Number(new URL(url).port || 80));
    expect(strays).to.deep.equal([]);
    // 80 was there all the while, whatever came and went beside it.
    expect(report.failed.filter(({ url }) => url.includes(':80/') || new URL(url).port === '')).to.deep.equal(
      [],
    );
  });

  it('a removed port: new connections are refused at once, those that are there live on for the drain time', async () => {
    const { client, service, pod } = station;
    await service.setPorts([tcp(80), tcp(81)]);
    await portsAre([tcp(80), tcp(81)]);
    const marks = await readMarks(pod);
    // More bytes than the sockets on the way hold: it is under way until it is read.
    const slow = await client.download(service.url(3, { port: 81, path: '/download/2?rate=800k' }));
    await waitFor('the first bytes', async () => (await slow.receivedBytes()) > 0, { deadlineMs });
    const from = logLength(pod);
    await service.setPorts([tcp(80)]);
    // nginx was told to leave the port; a worker that goes finishes what it has.
    await pod.controller.waitForLog(/TCP\/81.*drained/, { deadlineMs, sinceOffset: from });
    expect(await client.connect(address, 81, 10_000)).to.equal('refused');
    const { complete, error } = await slow.finished;
    expect({ complete, error }).to.deep.equal({ complete: true, error: undefined });
    await waitFor(
      'the virtual service to be gone',
      async () => !(`FWM ${marks['TCP/81']}` in (await readIpvs(pod))),
      { deadlineMs },
    );
    await portsAre([tcp(80)]);
  });
});

describe('a VIP @both', function () {
  this.timeout(240_000);
  let station: Station;
  const address = '203.0.113.5';

  before(async () => {
    station = await openStation({
      ports: [tcp(80), udp(80), udp(53)],
      servers: 1,
      // Whatever ExaBGP and its helper listen on is part of what is tried.
      routes: 'announced',
    });
  });
  after(() => station?.lab.close());

  it('serves TCP and UDP on one port', async () => {
    const { client, service, pod } = station;
    const marks = await readMarks(pod);
    expect(Object.keys(marks).sort()).to.deep.equal(['TCP/80', 'UDP/53', 'UDP/80']);
    const report = await client.requests({ urls: [service.url(5)], count: 5 });
    expect(report.failed).to.deep.equal([]);
    expect(await client.udp(address, 80, 'ping', 10_000)).to.match(/^web-srv-1 \S+ 8080$/);
    expect(await client.udp(address, 53, 'ping', 10_000)).to.match(/^web-srv-1 \S+ 8053$/);
  });

  it('refuses what is not a port of the Service, and answers echo requests', async () => {
    const { client } = station;
    expect(await client.connect(address, 81, 10_000)).to.equal('refused');
    expect(await client.connect(address, 53, 10_000)).to.equal('refused');
    expect(await client.udp(address, 81, 'x', 10_000)).to.equal('refused');
    // A port of the server behind it.
    expect(await client.connect(address, 8080, 10_000)).to.equal('refused');
    await client.exec(['ping', '-c1', '-W10', address]);
  });

  it('no listener of the LB pod answers on it', async () => {
    const { client, pod } = station;
    for (const program of [/exabgp/, /socat/]) expect(pod.sidecar.pids(program)).to.not.deep.equal([]);
    // One more, on every address, as a careless neighbour would have it.
    await pod.start('listener', ['socat', 'TCP4-LISTEN:7777,fork,reuseaddr', 'EXEC:cat']);
    await waitFor('the listener', async () => (await listeners(station)).some(({ port }) => port === 7777), {
      deadlineMs,
    });
    const found = await listeners(station);
    expect(found.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port)).to.include.members([
      7777, 9440, 9441,
    ]);
    for (const { protocol, port } of found) {
      const answer =
        protocol === 'tcp'
          ? await client.connect(address, port, 10_000)
          : await client.udp(address, port, 'x', 10_000);
      expect(answer, `${protocol} ${port}`).to.equal('refused');
    }
    // They do answer where they may: on the pod's own address.
    expect(await connects(pod.address, 7777)).to.equal(true);
  });

  it('unmatched: drop: says nothing, and the Service answers on', async () => {
    const { client, service, pod } = station;
    const from = logLength(pod);
    await service.updateSettings({ vip: { unmatched: 'drop' } });
    await pod.controller.waitForLog(/everything else dropped/, { deadlineMs, sinceOffset: from });
    const silent = await Promise.all([
      client.connect(address, 81, 1500),
      client.connect(address, 7777, 1500),
      client.udp(address, 81, 'x', 1500),
    ]);
    expect(silent).to.deep.equal(['timeout', 'timeout', 'timeout']);
    await client.exec(['ping', '-c1', '-W10', address]);
    const report = await client.requests({ urls: [service.url(5)], count: 5 });
    expect(report.failed).to.deep.equal([]);
  });
});

async function listeners({ pod }: Station): Promise<{ protocol: string; port: number }[]> {
  const lines = (await pod.exec(['ss', '-Hltnu'])).trim().split('\n');
  return lines.map((line) => {
    const [protocol = '', , , , local = ''] = line.split(/\s+/);
    return { protocol, port: Number(local.split(':').at(-1)) };
  });
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5000 });
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once('connect', () => finish(true))
      .once('error', () => finish(false))
      .once('timeout', () => finish(false));
  });
}
