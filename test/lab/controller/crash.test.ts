/** kill -9 of each process of the controller under traffic: rules, marks and lease outlive them all. */
import { expect } from 'chai';
import { type Load, waitFor } from '../../../lab/lab.ts';
import { readIpvs } from './ipvs-table.ts';
import { readMarks } from './mark-rules.ts';
import { keepalivedPids, logLength, logLines, openStation, prefix, type Station } from './station.ts';

const deadlineMs = 60_000;

describe('crashes of the controller and of keepalived @both', function () {
  this.timeout(240_000);
  let station: Station;

  before(async () => {
    station = await openStation({
      routes: 'announced',
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'more', port: 81, targetPort: 8081 },
      ],
      settings: { lease: { seconds: 30 }, healthCheck: { delayLoopSeconds: 1, connectTimeoutSeconds: 1 } },
    });
  });
  after(() => station?.lab.close());
  afterEach(async () => {
    const { pod, service } = station;
    pod.controller.revive();
    await Promise.all(service.servers.map((server) => server.setReady('ready')));
    await service.setEndpoints(undefined);
    await pod.ready(deadlineMs);
  });

  /** New connections all the while; none may fail, and the router's next-hop may not change. */
  async function underLoad(work: () => Promise<void>): Promise<void> {
    const { client, router, node, service } = station;
    const routesBefore = router.history(prefix).length;
    const begunAtMs = performance.now();
    const load: Load = await client.startLoad({
      urls: [service.url(1), service.url(2, { port: 81 })],
      ratePerSecond: 10,
      timeoutMs: 30_000,
    });
    try {
      await work();
      await waitFor('twenty answers', async () => (await load.progress()).answered > 20, { deadlineMs });
    } finally {
      const report = await load.stop();
      const failed = report.failed.map(({ url, error, status, startedAtMs, durationMs }) => {
        const at = [startedAtMs - begunAtMs, durationMs].map((ms) => `${(ms / 1000).toFixed(1)} s`);
        return `${url} begun at ${at[0]}, after ${at[1]}: ${error ?? status}`;
      });
      expect(failed, `${failed.length} of ${report.results.length} requests failed`).to.deep.equal([]);
      const strays = report.results.filter(({ url, port }) => port !== (url.includes(':81/') ? 8081 : 8080));
      expect(strays).to.deep.equal([]);
    }
    expect(router.history(prefix).slice(routesBefore)).to.deep.equal([]);
    expect(router.nextHops(prefix)).to.deep.equal([node.address]);
  }

  const serversAre = (weights: Record<string, number>) =>
    waitFor(
      `servers ${JSON.stringify(weights)}`,
      async () => {
        const { servers = {} } = (await readIpvs(station.pod))['FWM 1'] ?? {};
        const sorted = (table: Record<string, number>) => JSON.stringify(Object.entries(table).sort());
        return sorted(servers) === sorted(weights) || { notYet: JSON.stringify(servers) };
      },
      { deadlineMs, everyMs: 200 },
    );

  it('the controller killed while its settings cannot be read: rules, checks and lease are kept up as they were', async () => {
    const { pod, service } = station;
    const [first, second, third] = service.servers.map(({ address }) => `${address}:8080`) as string[];
    const from = logLength(pod);
    await underLoad(async () => {
      const { restarts } = pod.controller;
      await pod.writeSettingsText('service: { name: web\nvip: [\n');
      await pod.controller.kill();
      await waitFor('the controller again', () => pod.controller.restarts > restarts, { deadlineMs });
      await pod.controller.waitForLog(/"event":"inherited"/, { deadlineMs, sinceOffset: from });
      const renewed = pod.lease()?.renewedAtMs ?? 0;
      await waitFor('a lease that is renewed', () => (pod.lease()?.renewedAtMs ?? 0) > renewed, {
        deadlineMs,
      });
      await pod.exec(['ipvsadm', '-d', '-f', '1', '-r', first ?? '']);
      await serversAre({ [first ?? '']: 1, [second ?? '']: 1, [third ?? '']: 1 });
      expect(pod.lease()).to.include({ announce: true });
    });
    // Not under load: until the check has missed it, a dead server refuses.
    await service.servers[2]?.kill();
    await serversAre({ [first ?? '']: 1, [second ?? '']: 1 });
    await service.servers[2]?.restart();
    await serversAre({ [first ?? '']: 1, [second ?? '']: 1, [third ?? '']: 1 });
    await underLoad(async () => {
      await service.updateSettings({});
      await pod.ready(deadlineMs);
      expect(Object.keys(await readMarks(pod)).sort()).to.deep.equal(['TCP/80', 'TCP/81']);
    });
    const told = logLines(pod, from).filter(({ event }) => event === 'inherited');
    expect(told.map(({ msg }) => msg)).to.have.length(1);
  });

  it('the controller killed: traffic, rules, marks and lease go on; an endpoint that left meanwhile is taken out', async () => {
    const { pod, service } = station;
    const [first, second, third] = service.servers.map(({ address }) => `${address}:8080`) as [
      string,
      string,
      string,
    ];
    const before = await readIpvs(pod);
    const marks = await readMarks(pod);
    await underLoad(async () => {
      const { restarts } = pod.controller;
      const from = logLength(pod);
      pod.controller.keepDead();
      await pod.controller.kill();
      expect(await readIpvs(pod), 'IPVS without a controller').to.deep.equal(before);
      expect(pod.lease()?.announce).to.equal(true);
      await service.servers[2]?.setReady('unready');
      await service.setEndpoints(
        service.servers
          .slice(1)
          .map((server) => server.endpoint)
          .concat({ address: '10.42.1.222', ready: false }),
      );
      const leases = watchLease(station);
      pod.controller.revive();
      await serversAre({ [second]: 1, [third]: 0, '10.42.1.222:8080': 0 });
      await waitFor('a lease of the new controller', () => leases.count() > 1, { deadlineMs });
      expect(leases.stop(), 'leases that say no').to.deep.equal([]);
      expect(pod.controller.restarts).to.equal(restarts + 1);
      expect(await readMarks(pod)).to.deep.equal(marks);
      expect(marks).to.deep.equal({ 'TCP/80': 1, 'TCP/81': 2 });
      const faults = logLines(pod, from).filter((line) => line.level === 'error');
      expect(faults.map((line) => line.msg)).to.deep.equal([]);
      await service.servers[2]?.setReady('ready');
      await service.setEndpoints(undefined);
      await serversAre({ [first]: 1, [second]: 1, [third]: 1 });
    });
  });

  it('the controller killed again and again: no request fails, the lease never says no', async () => {
    const { pod } = station;
    await underLoad(async () => {
      const leases = watchLease(station);
      for (let time = 0; time < 2; time++) {
        pod.controller.keepDead();
        await pod.controller.kill();
        const from = logLength(pod);
        pod.controller.revive();
        // At once when it begins, then while it works.
        await pod.controller.waitForLog(time === 0 ? /"event":"network"/ : /"event":"reload"/, {
          deadlineMs,
          sinceOffset: from,
        });
      }
      await waitFor('the pod to be ready', () => pod.isReady, { deadlineMs });
      expect(leases.stop(), 'leases that say no').to.deep.equal([]);
    });
  });

  for (const who of ['parent', 'child'] as const) {
    it(`keepalived's ${who} killed: it is started again, nothing fails, and stale weights are mended`, async () => {
      const { pod, service } = station;
      const [first, second, third] = service.servers.map(({ address }) => `${address}:8080`) as [
        string,
        string,
        string,
      ];
      await serversAre({ [first]: 1, [second]: 1, [third]: 1 });
      await underLoad(async () => {
        const pids = keepalivedPids(pod);
        const from = logLength(pod);
        process.kill(pids[who], 'SIGKILL');
        // A weight that keepalived never learns to be stale: it is asked for while keepalived is dead.
        await service.servers[0]?.setReady('unready');
        await serversAre({ [first]: 0, [second]: 1, [third]: 1 });
        await waitFor(
          'both processes of keepalived, new',
          () => keepalivedPids(pod)[who] !== pids[who] || { notYet: JSON.stringify(keepalivedPids(pod)) },
          { deadlineMs },
        );
        const words =
          who === 'parent' ? /keepalived was killed by SIGKILL/ : /Healthcheck child process.*died/;
        await waitFor(
          'the crash in the log',
          () => logLines(pod, from).some((line) => words.test(line.msg)),
          {
            deadlineMs,
          },
        );
        await service.servers[0]?.setReady('ready');
        await serversAre({ [first]: 1, [second]: 1, [third]: 1 });
        expect(logLines(pod, from).filter((line) => line.event === 'lease')).to.deep.equal([]);
      });
    });
  }

  it('keepalived cannot be started for a while: traffic and lease go on, what changed meanwhile comes after', async () => {
    const { pod, service } = station;
    const [first, second, third] = service.servers.map(({ address }) => `${address}:8080`) as [
      string,
      string,
      string,
    ];
    const program = (await pod.controller.exec(['sh', '-c', 'command -v keepalived'])).trim();
    const from = logLength(pod);
    await underLoad(async () => {
      // Over the binary lies a file that is no program.
      await pod.controller.exec([
        'sh',
        '-c',
        `echo broken >/tmp/broken && mount --bind /tmp/broken ${program}`,
      ]);
      process.kill(keepalivedPids(pod).parent, 'SIGKILL');
      await waitFor(
        'two failed starts',
        () => logLines(pod, from).filter((line) => line.event === 'keepalived-died').length > 2,
        { deadlineMs },
      );
      // keepalived that waits to check the next change was loaded before it broke: the second change finds none.
      await service.servers[2]?.setReady('unready');
      await serversAre({ [first]: 1, [second]: 1, [third]: 0 });
      await service.servers[1]?.setReady('unready');
      await waitFor(
        'word of the change that cannot be checked',
        () => logLines(pod, from).some((line) => line.event === 'refused' && /keepalived/.test(line.msg)),
        { deadlineMs },
      );
      expect(pod.lease()?.announce).to.equal(true);
      await pod.controller.exec(['umount', program]);
      await waitFor('keepalived again', () => keepalivedPids(pod), { deadlineMs });
      await serversAre({ [first]: 1, [second]: 0, [third]: 0 });
      await service.servers[2]?.setReady('ready');
      await service.servers[1]?.setReady('ready');
      await serversAre({ [first]: 1, [second]: 1, [third]: 1 });
    });
    const told = logLines(pod, from).filter((line) => line.event === 'keepalived-died');
    expect(told.at(-1)?.msg).to.match(/keepalived/);
  });
});

/** Every lease that is written from now on: those that say no, and how many there were. */
function watchLease({ pod }: Station): { count(): number; stop(): string[] } {
  const seen = new Map<number, string>();
  const timer = setInterval(() => {
    const lease = pod.lease() as { renewedAtMs: number; announce: boolean; reason: string } | undefined;
    if (lease !== undefined) seen.set(lease.renewedAtMs, lease.announce ? '' : lease.reason);
  }, 20);
  return {
    count: () => seen.size,
    stop() {
      clearInterval(timer);
      return [...seen.values()].filter((reason) => reason !== '');
    },
  };
}
