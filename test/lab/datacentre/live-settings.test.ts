/** Settings changed live under traffic: what comes is ready before it is announced, what goes is withdrawn first. */
import { expect } from 'chai';
import { waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { mergeSettings, withoutNulls } from '../../../lab/roles/lb-settings.ts';
import { toYaml } from '../../../lab/yaml.ts';
import { describeRequest, expectCalm, unrestOf } from './outcome.ts';
import {
  deadlineMs,
  logLines,
  openSite,
  pinAddress,
  prefix,
  type Site,
  speakerOf,
  untilRouted,
  urlsOf,
} from './site.ts';
import { besideTraffic } from './traffic.ts';

const drainSeconds = 6;
const newPrefix = '203.0.113.32/28';
/** An address of it that one router goes on sending to one LB pod. */
const pinned = '203.0.113.40';

describe('settings changed live, under traffic', function () {
  this.timeout(600_000);
  let site: Site;

  before(async () => {
    site = await openSite({ settings: { drain: { seconds: drainSeconds } } });
  });
  after(() => site?.lab.close());

  const hasLocalRoute = async (pod: LabLbPod, vip: string) =>
    (await pod.exec(['ip', 'route', 'show', 'table', 'local', 'exact', vip])).includes(vip);

  it('a prefix is added: from the moment that the router has its route every request to it is answered', async () => {
    const { client, router, service, pods } = site;
    await besideTraffic(site, async () => {
      const load = await client.startLoad({
        urls: urlsOf(service, newPrefix),
        ratePerSecond: 50,
        timeoutMs: 3000,
      });
      await service.updateSettings({ vip: { prefixes: [prefix, newPrefix] } });
      await untilRouted(site, pods, newPrefix);
      await waitFor('requests', async () => (await load.progress()).answered > 60, { deadlineMs });
      const report = await load.stop();
      const history = router.history(newPrefix);
      const routedAtMs = history[0]?.atMs ?? 0;
      const early = report.results.filter(({ startedAtMs }) => startedAtMs < routedAtMs);
      expect(
        early.some(({ status }) => status !== 200),
        'requests before the route',
      ).to.equal(true);
      // Each further next-hop moves flows that are under way; nothing else may fail.
      const late = report.failed.filter(({ startedAtMs }) => startedAtMs >= routedAtMs);
      expectCalm({ ...report, failed: late }, unrestOf(history.slice(1)));
      const [first] = report.results
        .filter(({ startedAtMs }) => startedAtMs >= routedAtMs)
        .sort((a, b) => a.startedAtMs - b.startedAtMs);
      expect(first && describeRequest(first)).to.match(/status 200/);
      expect(Object.keys(report.perLbPod).sort()).to.deep.equal(pods.map(({ address }) => address).sort());
    });
  });

  it('a port is added: nothing of the others is touched, and it is answered by its own servers only', async () => {
    const { client, service } = site;
    await besideTraffic(site, async () => {
      const load = await client.startLoad({ urls: urlsOf(service, prefix, 81), ratePerSecond: 40 });
      await waitFor('refusals', async () => (await load.progress()).failed > 20, { deadlineMs });
      await service.setPorts([
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'more', port: 81, targetPort: 8081 },
      ]);
      const asked = (await load.progress()).answered;
      await waitFor('answers', async () => (await load.progress()).answered > asked + 60, { deadlineMs });
      await untilPortIsEverywhere('FWM  2');
      const settledAtMs = performance.now();
      const { answered } = await load.progress();
      await waitFor('answers', async () => (await load.progress()).answered > answered + 40, { deadlineMs });
      const report = await load.stop();
      // Before: refused by the LB pod, never lost and never handed to another port's server.
      expect([...new Set(report.failed.map(({ error }) => error))]).to.deep.equal(['ECONNREFUSED']);
      expect(report.failed.filter(({ startedAtMs }) => startedAtMs > settledAtMs)).to.deep.equal([]);
      const ports = report.results.filter(({ status }) => status === 200).map(({ port }) => port);
      expect([...new Set(ports)]).to.deep.equal([8081]);
    });
  });

  const untilPortIsEverywhere = (entry: string) =>
    waitFor(
      `${entry} in every LB pod`,
      async () => {
        const tables = await Promise.all(site.pods.map((pod) => pod.ipvs()));
        return tables.every((table) => table.includes(entry)) || { notYet: tables.join('\n') };
      },
      { deadlineMs },
    );

  it('a port is taken away: a download on it lives through the drain, new connections do not; then it is refused', async () => {
    const { client, service } = site;
    await besideTraffic(site, async () => {
      const download = await client.download(service.url(1, { port: 81, path: '/download/2' }));
      await waitFor('bytes', async () => (await download.receivedBytes()) > 50_000, { deadlineMs });
      const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
      await service.setPorts(ports);
      await waitFor(
        'the port to drain in every LB pod',
        async () => {
          const tables = await Promise.all(site.pods.map((pod) => pod.ipvs()));
          const drains = tables.every((table) =>
            /FWM {2}2 [^\n]*\n( +-> \S+ +Masq +0 [^\n]*\n?)+/.test(table),
          );
          return drains || { notYet: tables.join('\n') };
        },
        { deadlineMs },
      );
      expect(await client.connect(service.url(2).split('/')[2]?.split(':')[0] as string, 81)).to.not.equal(
        'open',
      );
      expect(await download.finished).to.deep.include({ complete: true, bytes: 2_000_000 });
      await waitFor(
        'the port to be gone',
        async () => {
          const tables = await Promise.all(site.pods.map((pod) => pod.ipvs()));
          return tables.every((table) => !table.includes('FWM  2')) || { notYet: tables.join('\n') };
        },
        { deadlineMs },
      );
      expect(await client.connect('203.0.113.2', 81)).to.equal('refused');
    });
  });

  it('a prefix is taken away: withdrawn first, flows that still come live through the drain, then it is removed', async () => {
    const { client, router, service, pods } = site;
    const [pod] = pods as [LabLbPod, ...LabLbPod[]];
    await besideTraffic(site, async () => {
      await pinAddress(site, pinned, pod);
      const held = await client.startLoad({
        urls: [`http://${pinned}/`],
        keepAliveConnections: 4,
        ratePerSecond: 40,
        timeoutMs: 10_000,
      });
      await waitFor('answers', async () => (await held.progress()).answered > 40, { deadlineMs });
      // The annotation, by which the node routes, goes last: when the LB pod has drained.
      for (const each of pods) {
        const settings = mergeSettings(each.settings, { vip: { prefixes: [prefix] } });
        await each.writeSettingsText(toYaml(withoutNulls(settings)));
      }
      const gone = await router.waitForNextHops(newPrefix, [], deadlineMs);
      expect(await hasLocalRoute(pod, newPrefix), 'its route when the router has none any more').to.equal(
        true,
      );
      await waitFor('it to be removed', async () => !(await hasLocalRoute(pod, newPrefix)), { deadlineMs });
      const removedAtMs = performance.now();
      const report = await held.stop();
      await router.exec(['ip', 'route', 'del', `${pinned}/32`]);
      expect(removedAtMs - gone.atMs).to.be.greaterThan(drainSeconds * 1000 - 1500);
      const inDrain = report.results.filter(
        ({ startedAtMs }) => startedAtMs < gone.atMs + drainSeconds * 1000 - 2000,
      );
      expect(inDrain.filter(({ status }) => status !== 200).map(describeRequest)).to.deep.equal([]);
      expect([...new Set(inDrain.map(({ from }) => from))]).to.deep.equal([pod.address]);
      expect(inDrain.filter(({ startedAtMs }) => startedAtMs > gone.atMs).length).to.be.greaterThan(20);
      await service.updateSettings({ vip: { prefixes: [prefix] } });
      for (const each of pods) expect(speakerOf(each)?.prefixes[newPrefix]).to.not.equal('announced');
    });
  });

  it('settings that are refused: one message names the field, nothing changes', async () => {
    const { service, pods } = site;
    await besideTraffic(site, async () => {
      const before = pods.map((pod) => pod.controller.logText().length);
      for (const pod of pods) {
        const settings = mergeSettings(pod.settings, { vip: { prefixes: [prefix, '203.0.113.8/29'] } });
        await pod.writeSettingsText(toYaml(withoutNulls(settings)));
      }
      for (const [index, pod] of pods.entries()) {
        const line = await pod.controller.waitForLog(/overlaps/, {
          deadlineMs,
          sinceOffset: before[index] as number,
        });
        expect(line)
          .to.match(/vip\.prefixes/)
          .and.match(/203\.0\.113\.8\/29/);
        expect(pod.lease()).to.deep.include({ announce: true, prefixes: [prefix] });
      }
      await service.updateSettings({ vip: { prefixes: [prefix] } });
      for (const [index, pod] of pods.entries()) {
        const reloads = logLines(pod.controller, before[index]).filter(({ event }) => event === 'reload');
        expect(reloads).to.deep.equal([]);
      }
    });
  });
});
