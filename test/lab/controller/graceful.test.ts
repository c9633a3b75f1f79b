/** Servers that leave in good order: what is under way is finished, whoever comes next goes elsewhere. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import { readIpvs } from './ipvs-table.ts';
import { logLength, logLines, openStation, type Station } from './station.ts';

const deadlineMs = 60_000;

describe('servers that leave gracefully', function () {
  this.timeout(240_000);
  let station: Station;

  before(async () => {
    station = await openStation({
      settings: { healthCheck: { delayLoopSeconds: 1, connectTimeoutSeconds: 1 } },
    });
  });
  after(() => station?.lab.close());

  const servers = async () => (await readIpvs(station.pod))['FWM 1']?.servers ?? {};

  it('terminated with a long download under way: the download is complete, nothing new reaches the server', async () => {
    const { client, service, pod } = station;
    // One to each server: which of them is the leaving one's is told by its connections.
    const downloads = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((nth) => client.download(service.url(nth, { path: '/download/10?rate=1000k' }))),
    );
    await waitFor(
      'the first bytes of each',
      async () =>
        (await Promise.all(downloads.map((each) => each.receivedBytes()))).every((bytes) => bytes > 0),
      { deadlineMs },
    );
    const [leaving] = service.servers;
    if (leaving === undefined) throw new Error('no server');
    expect(await active(leaving.address)).to.be.greaterThan(0);
    const load = await client.startLoad({ urls: [service.url()], ratePerSecond: 15, timeoutMs: 30_000 });
    const from = logLength(pod);
    await leaving.markTerminating({ serving: true });
    await waitFor('weight 0', async () => (await servers())[`${leaving.address}:8080`] === 0, { deadlineMs });
    leaving.quit();
    // Several rounds of a check that it does not have: it closes its listener, when nginx has its turn.
    const listener = async () => {
      const found = await client.connect(leaving.address, 8080);
      return found === 'refused' || { notYet: found };
    };
    await waitFor('its listener to be closed', listener, { deadlineMs });
    expect(await active(leaving.address), 'downloads that the server is to finish').to.be.greaterThan(0);
    const finished = await Promise.all(downloads.map((each) => each.finished));
    expect(finished.map(({ complete, error }) => error ?? complete)).to.deep.equal(Array(6).fill(true));
    expect(await servers()).to.have.property(`${leaving.address}:8080`, 0);
    expect(logLines(pod, from).filter(({ event }) => event === 'check')).to.deep.equal([]);
    await leaving.process.waitForExit(deadlineMs);
    await leaving.remove();
    await waitFor('it to be gone', async () => !(`${leaving.address}:8080` in (await servers())), {
      deadlineMs,
    });
    const report = await load.stop();
    expect(report.failed).to.deep.equal([]);
    await service.setServers(3);
  });

  it('readiness that flaps under keep-alive connections: none is broken', async () => {
    const { client, service } = station;
    const load = await client.startLoad({
      urls: [service.url(1), service.url(2)],
      keepAliveConnections: 12,
      ratePerSecond: 40,
      timeoutMs: 30_000,
    });
    await waitFor('answers', async () => (await load.progress()).answered > 40, { deadlineMs });
    const [flapping] = service.servers;
    if (flapping === undefined) throw new Error('no server');
    for (let time = 0; time < 4; time++) {
      for (const [state, weight] of [['unready', 0] as const, ['ready', 1] as const]) {
        await flapping.setReady(state);
        await waitFor(
          `${flapping.address} with weight ${weight}`,
          async () => (await servers())[`${flapping.address}:8080`] === weight,
          { deadlineMs },
        );
      }
    }
    const report = await load.stop();
    expect(report.failed.map(({ error, status }) => error ?? status)).to.deep.equal([]);
    expect(report.perServer[flapping.name]).to.be.greaterThan(0);
  });

  async function active(address: string): Promise<number> {
    const line = (await station.pod.ipvs()).split('\n').find((each) => each.includes(`${address}:8080`));
    return Number(line?.trim().split(/\s+/)[4]);
  }
});
