/** A reflector that dies costs nothing, with each software; sessions that do not come up say why. */
import { expect } from 'chai';
import { type DataCentre, openLab, waitFor } from '../../../lab/lab.ts';
import type { LabLbPod } from '../../../lab/roles/lb-pod.ts';
import { expectNoneFailed, expectSpread } from './outcome.ts';
import {
  deadlineMs,
  logLines,
  openSite,
  prefix,
  type Site,
  speakerOf,
  untilRouted,
  untilSessionsUp,
  urlsOf,
} from './site.ts';

const chains = [
  { router: 'bird', reflectors: ['bird', 'gobgp'] },
  { router: 'frr', reflectors: ['gobgp', 'bird'] },
] as const;

for (const { router: software, reflectors } of chains) {
  describe(`reflectors ${reflectors.join(' and ')}, router ${software}`, function () {
    this.timeout(600_000);
    let site: Site;

    before(async () => {
      site = await openSite({ nodes: 2, router: software, reflectors: [...reflectors] });
    });
    after(() => site?.lab.close());

    it('requests are answered and spread over both LB pods', async () => {
      const { client, service, pods } = site;
      const report = await client.requests({ urls: urlsOf(service), count: 200 });
      expectNoneFailed(report);
      expectSpread(
        report.perLbPod,
        pods.map(({ address }) => address),
      );
    });

    for (const index of [0, 1]) {
      it(`${reflectors[index]} killed and back: no request fails, the route never changes`, async () => {
        const { client, router, lab, service, pods } = site;
        const reflector = lab.reflectors[index] as DataCentre['reflectors'][number];
        const before = router.history(prefix).length;
        const load = await client.startLoad({ urls: urlsOf(service), ratePerSecond: 60 });
        await waitFor('requests', async () => (await load.progress()).answered > 30, { deadlineMs });
        await reflector.kill();
        await waitFor(
          'both LB pods to miss it',
          () => pods.every((pod) => speakerOf(pod)?.peers[reflector.address]?.up === false),
          { deadlineMs },
        );
        for (const pod of pods) {
          expect(speakerOf(pod)?.prefixes).to.deep.equal({ [prefix]: 'announced' });
          expect(speakerOf(pod)?.peers[reflector.address]?.problem).to.include(reflector.address);
        }
        const { answered } = await load.progress();
        await waitFor('requests', async () => (await load.progress()).answered > answered + 40, {
          deadlineMs,
        });
        await reflector.restart();
        await Promise.all(pods.map(untilSessionsUp));
        await waitFor(
          'both routes at the reflector that is back',
          async () => {
            const shown = await reflector.show();
            return pods.every(({ node }) => shown.includes(node.address)) || { notYet: shown };
          },
          { deadlineMs },
        );
        // It has to have given them to the router before the other may die.
        await router.waitForReflectors(2, deadlineMs);
        expectNoneFailed(await load.stop());
        expect(router.history(prefix).slice(before), "the router's route").to.deep.equal([]);
        for (const pod of pods) expect(pod.isReady).to.equal(true);
      });
    }
  });
}

describe('reflectors with a password', function () {
  this.timeout(600_000);
  const password = 'correct horse: {battery} #staple';
  const peers = ['10.0.0.251', '10.0.0.252'].map((address) => ({
    address,
    passwordFile: '/etc/portable-lb/bgp-password',
  }));
  let lab: DataCentre;
  let good: LabLbPod;
  let bad: LabLbPod;
  let stranger: LabLbPod;

  before(async () => {
    lab = await openLab({ restartDelayMs: 300 });
    await Promise.all([
      lab.addClient(),
      lab.addRouter(),
      ...[1, 2, 3].map(() => lab.addNode()),
      lab.addReflector({ software: 'bird', password }),
      lab.addReflector({ software: 'gobgp', password }),
    ]);
    const service = lab.service({
      name: 'web',
      prefixes: [prefix],
      ports: [{ port: 80, targetPort: 8080 }],
      settings: { bgp: { peers } },
    });
    const [one, two, three] = lab.nodes;
    const start = (node: typeof one, secret: string, settings = {}) =>
      lab.addLbPod({ service, ...(node && { node }), secrets: { 'bgp-password': secret }, settings });
    [good, bad, stranger] = await Promise.all([
      start(one, `${password}\n`),
      start(two, 'opensesame'),
      start(three, password, { bgp: { localAS: 64_999 } }),
      service.setServers(2),
    ]);
  });
  after(() => lab?.close());

  const waitForMessage = (pod: LabLbPod, pattern: RegExp) =>
    waitFor(
      `a message like ${pattern} of ${pod.name}`,
      () => {
        const messages = logLines(pod.sidecar).map(({ msg }) => msg);
        return messages.find((message) => pattern.test(message)) ?? { notYet: messages.slice(-3).join('\n') };
      },
      { deadlineMs },
    );

  it('the right one: announced to both, requests are answered', async () => {
    await good.ready(deadlineMs);
    await untilSessionsUp(good);
    await untilRouted({ router: lab.routers[0] as Site['router'] }, [good]);
    const report = await lab.clients[0]?.requests({ urls: urlsOf(good.service), count: 40 });
    expect(report?.failed).to.deep.equal([]);
  });

  it('a wrong one: one message names address, firewall and password; nothing is announced, nothing restarts', async () => {
    const message = await waitForMessage(bad, /sessions are down/);
    for (const { address } of peers) expect(message).to.include(`${address}:179`);
    expect(message)
      .to.match(/firewall/)
      .and.match(/password/)
      .and.not.match(/opensesame|horse/);
    expect(Object.values(speakerOf(bad)?.peers ?? {}).map(({ up }) => up)).to.deep.equal([false, false]);
    expect(lab.routers[0]?.history(prefix).flatMap(({ nextHops }) => nextHops)).to.not.include(
      bad.node.address,
    );
    expect((await bad.health('sidecar', '/readyz')).status).to.equal(503);
    expect((await bad.health('sidecar', '/livez')).status).to.equal(200);
    expect(bad.sidecar.restarts).to.equal(0);
  });

  it('the wrong AS: the NOTIFICATION in words', async () => {
    const message = await waitForMessage(stranger, /bad peer AS/);
    expect(message)
      .to.match(/bad peer AS/)
      .and.match(/64512|expects/);
    expect(lab.routers[0]?.nextHops(prefix)).to.deep.equal([good.node.address]);
  });
});
