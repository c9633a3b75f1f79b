import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'chai';
import { createLogger } from '../../../common/log.ts';
import { guardMetric, routeMetric } from '../../../node-router/core/plan.ts';
import type { KernelRoute } from '../../../node-router/core/types.ts';
import { createRouteKeeper } from '../../../node-router/keeper.ts';
import { createMetrics } from '../../../node-router/metrics.ts';
import { createReconciler } from '../../../node-router/reconcile.ts';
import type { RouteMessage } from '../../../node-router/routes/codec.ts';
import { KernelRefusal, type Rtnetlink } from '../../../node-router/routes/rtnetlink.ts';
import { parseSettings } from '../../../node-router/settings.ts';
import { podOf } from './core/builders.ts';
import { foreign, own } from './core/model.ts';

const prefix = '203.0.113.0/28';
const second = '203.0.113.16/28';
const a = '10.42.1.2';

/** Turns that a minute has when each rests until the next look is due: every 3 s, and some retries. */
const calm = 30;

describe('node router: when the next turn is due', () => {
  let table: KernelRoute[];
  let reachable: boolean;
  let refusal: string | undefined;
  let nowMs: number;
  let pods: ReturnType<typeof router>;
  beforeEach(() => {
    table = [];
    reachable = true;
    refusal = undefined;
    nowMs = 0;
    pods = router();
  });

  const kernel: Rtnetlink = {
    routes: async () => [...table],
    add: async (route) => put(route),
    replace: async (route) => put(route),
    async remove({ prefix: of, metric }) {
      table = table.filter((each) => each.prefix !== of || each.metric !== metric);
    },
    reaches: async () => reachable,
    interfaceIndex: async (name) => (name === 'cni0' ? 3 : 0),
    close: () => undefined,
  };
  function put(route: RouteMessage): void {
    const isVia = route.metric === routeMetric;
    if (isVia && refusal !== undefined) throw new KernelRefusal(refusal);
    if (isVia && !reachable) throw new KernelRefusal('ENETUNREACH');
    const others = table.filter((each) => each.prefix !== route.prefix || each.metric !== route.metric);
    table = [...others, { ...route, nexthops: [...route.nexthops], plain: true }];
  }

  function router() {
    const log = createLogger({ program: 'node-router', stream: { write: () => undefined } });
    const metrics = createMetrics({ snapshotAgeSeconds: () => 0, confirmedAgeSeconds: () => undefined });
    const keeper = createRouteKeeper({ netlink: kernel, log, metrics, nowMs: () => nowMs });
    const reconciler = createReconciler({
      nodeName: 'node-1',
      nodeIP: '192.0.2.11',
      sysctlDirectory: '/proc/sys',
      keeper,
      log,
      metrics,
      record: () => undefined,
      nowMs: () => nowMs,
    });
    const configure = (text = '') => {
      const { settings } = parseSettings(`allowedPrefixes: [203.0.113.0/24]\n${text}`, 'f');
      if (settings !== undefined) reconciler.offerSettings(settings);
    };
    configure();
    return {
      ...reconciler,
      configure,
      are: (...present: V1Pod[]) => reconciler.offerPods({ pods: present, takenAtMs: nowMs }),
    };
  }

  /** Counts the turns of the next seconds, each of which takes a millisecond. */
  async function turnsIn(seconds: number): Promise<number> {
    const endsAtMs = nowMs + seconds * 1_000;
    let turns = 0;
    for (; nowMs < endsAtMs; turns++) nowMs += 1 + (await pods.turn());
    return turns;
  }
  const held = () => table.filter((route) => route.metric === guardMetric).map((route) => route.prefix);

  it('is the end of a blackhole, also while another prefix has a fault', async () => {
    pods.are(podOf({ podIP: a }));
    await pods.turn();
    table.push(foreign(second));
    pods.are(podOf({ podIP: a, prefixes: second }));
    await pods.turn();
    expect(held()).to.deep.equal([prefix, second]);
    for (let restMs = await pods.turn(); held().includes(prefix); restMs = await pods.turn()) nowMs += restMs;
    expect(nowMs).to.equal(9_000);
  });

  it('is the next attempt at an address that cannot be reached', async () => {
    reachable = false;
    pods.are(podOf({ podIP: a }));
    expect(await pods.turn()).to.equal(250);
    nowMs += 250;
    expect(await pods.turn()).to.equal(500);
  });

  it('is not the end of a blackhole that is over, while the named interface is not there', async () => {
    pods.are(podOf({ podIP: a }));
    await pods.turn();
    pods.are();
    await pods.turn();
    pods.configure('interface: cni7');
    expect(await turnsIn(60)).to.be.below(calm);
    expect(held()).to.deep.equal([prefix]);
    pods.configure('interface: cni0');
    await pods.turn();
    expect(table).to.deep.equal([]);
  });

  it('is not a past attempt at an address, while the kernel refuses the route for another reason', async () => {
    reachable = false;
    pods.are(podOf({ podIP: a }));
    await pods.turn();
    refusal = 'EPERM';
    expect(await turnsIn(60)).to.be.below(calm);
  });

  it('is not a past attempt at an address, while a route of somebody else is in the way', async () => {
    reachable = false;
    pods.are(podOf({ podIP: a }));
    await pods.turn();
    table.push(foreign(prefix));
    expect(await turnsIn(60)).to.be.below(calm);
  });

  it('is not a past attempt at an address that a route leads to meanwhile, whoever put it there', async () => {
    reachable = false;
    pods.are(podOf({ podIP: a }));
    await pods.turn();
    table.push(own(prefix, [a]));
    expect(await turnsIn(60)).to.be.below(calm);
    expect(pods.notReady()).to.equal(undefined);
  });
});
