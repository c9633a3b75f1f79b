import { expect } from 'chai';
import { parseSettings } from '../../../common/settings.ts';
import type { Applier } from '../../../controller/apply.ts';
import type { Configuration } from '../../../controller/configuration.ts';
import { compileTemplates } from '../../../controller/core/render.ts';
import type { Snapshot } from '../../../controller/core/types.ts';
import type { KernelStep } from '../../../controller/kernel-step.ts';
import type { LeaseFacts } from '../../../controller/lease.ts';
import { createLeaseRenewal } from '../../../controller/lease-renewal.ts';
import { createMetrics } from '../../../controller/metrics.ts';
import { createPlanner } from '../../../controller/plan.ts';
import { createReconciler } from '../../../controller/reconcile.ts';
import { createServiceWatch } from '../../../controller/service-watch.ts';
import { templateSources } from '../../../controller/templates.ts';
import { waitFor } from '../../../lab/wait.ts';

const templates = compileTemplates(templateSources({}, '/templates'));

function configuration(text = ''): Configuration {
  const { settings, problems } = parseSettings(
    `service: { name: web }\nvip: { prefixes: [203.0.113.0/28] }\ndrain: { seconds: 10 }\n${text}`,
    'settings.yaml',
  );
  if (!settings) throw problems[0];
  return { settings, templates };
}

function snapshot(ports: number[], addresses = ['10.42.1.2']): Snapshot {
  return {
    takenAtMs: 0,
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: ports.map((port) => ({ name: `p${port}`, port })) },
    },
    slices: [
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: ports.map((port) => ({ name: `p${port}`, port: 8000 + port })),
        endpoints: addresses.map((address) => ({ addresses: [address] })),
      },
    ],
  };
}

/** A reconciler whose edges note what they are asked, in order. */
function setUp({ inherits = false } = {}) {
  const did: string[] = [];
  const told: string[] = [];
  const followed: string[] = [];
  const leases: Pick<LeaseFacts, 'nothingYet' | 'prefixes' | 'liveServers' | 'stopping'>[] = [];
  const state = {
    nowMs: 0,
    against: [] as Error[],
    againstPlan: [] as Error[],
    refuse: '',
    kernelFault: undefined as string | undefined,
    reloaded: Promise.resolve() as Promise<unknown>,
  };
  let running = '';
  const tell = (_event: string, _fields: object, text: string) => void told.push(text);
  const log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
  const applier: Applier = {
    async prepare(files) {
      const text = JSON.stringify(files);
      if (text === running) return { kind: 'unchanged' };
      if (state.refuse) return { kind: 'refused', problem: new Error(state.refuse) };
      return {
        kind: 'ready',
        testMs: 0,
        async commit() {
          running = text;
          did.push('commit');
          return { reloaded: state.reloaded };
        },
      };
    },
  };
  const metrics = createMetrics({ snapshotAgeSeconds: () => undefined });
  const kernel: KernelStep = {
    async hold(_service, wanted) {
      did.push(`kernel holds ${wanted.map(({ mark }) => mark)}`);
    },
    fault: () => state.kernelFault,
  };
  const keepalived = { alive: true, checkedOut: () => new Set<string>() };
  const reconciler = createReconciler({
    log,
    metrics,
    nowMs: () => state.nowMs,
    accept: async () => state.against,
    acceptPlan: async () => state.againstPlan,
    onAccepted: ({ settings }) => void followed.push(settings.service.name ?? ''),
    onReloaded: () => undefined,
    serviceWatch: createServiceWatch(log, () => state.nowMs),
    planner: createPlanner({
      marks: { marks: {}, next: 1 },
      notifyFifo: '/run/keepalived/notify.fifo',
      announced: async () => undefined,
      saveMarks: async ({ next }) => void did.push(`marks saved, next ${next}`),
    }),
    applier,
    kernel,
    network: {
      async ensure(prefixes, services) {
        did.push(`network ${prefixes} ${services.map(({ key }) => key)}`.trim());
      },
      fault: () => undefined,
      reachable: () => ['203.0.113.0/28'],
    },
    leaseRenewal: createLeaseRenewal({
      podName: 'lb-1',
      log,
      metrics,
      kernel,
      leaseKeeper: {
        async renew(_identity, { nothingYet, prefixes, liveServers, stopping }) {
          leases.push({ nothingYet, prefixes, liveServers, stopping });
          return { announce: true, reason: '' };
        },
      },
      keepalived,
    }),
    keepalived,
    inheritance: inherits
      ? {
          async tend(holdDownMs) {
            did.push(`tends what was left, hold-down ${holdDownMs} ms`);
            return undefined;
          },
        }
      : undefined,
  });
  return { reconciler, did, told, followed, leases, state, keepalived };
}

describe('reconcile', () => {
  it('makes the route before the Service is known when that takes a second, and does not claim to be ready to announce', async () => {
    const { reconciler, did, leases, state } = setUp();
    reconciler.offerConfiguration(configuration());
    await reconciler.turn();
    expect(did).to.deep.equal([]);
    state.nowMs += 1000;
    await reconciler.turn();
    expect(did).to.deep.equal(['network 203.0.113.0/28']);
    expect(leases[0]).to.include({ nothingYet: 'the Service has not been seen yet' });
  });

  it('tends what a controller before it left until the first plan replaces it, with settings or without', async () => {
    const { reconciler, did, leases } = setUp({ inherits: true });
    await reconciler.turn();
    reconciler.offerConfiguration(configuration('lease: { holdDownSeconds: 7 }'));
    await reconciler.turn();
    expect(did).to.deep.equal([
      'tends what was left, hold-down 2000 ms',
      'tends what was left, hold-down 7000 ms',
    ]);
    expect(leases).to.deep.equal([]);
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    expect(did.at(-1)).to.equal('network 203.0.113.0/28 TCP/80');
    expect(leases).to.have.length(1);
    expect(leases[0]).to.include({ nothingYet: undefined });
  });

  it('says in the lease why nothing is in force yet', async () => {
    const { reconciler, leases, state } = setUp();
    state.against = [new Error('its scheduler is not in the kernel')];
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    expect(leases[0]).to.include({ nothingYet: 'its scheduler is not in the kernel' });
  });

  it('is ready only when the mark rules are made too', async () => {
    const { reconciler } = setUp();
    reconciler.offerConfiguration(configuration());
    await reconciler.turn();
    expect(reconciler.notReady()).to.equal('the packet rules are not made yet');
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    expect(reconciler.notReady()).to.equal(undefined);
  });

  it('says no at once where it has to stop before the first plan', async () => {
    const { reconciler, leases } = setUp({ inherits: true });
    reconciler.offerConfiguration(configuration());
    reconciler.beginStop();
    await reconciler.turn();
    expect(leases[0]).to.include({ stopping: true });
  });

  it('verifies a virtual service in the kernel before its mark rule exists', async () => {
    const { reconciler, did, leases } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    expect(did).to.deep.equal([
      'commit',
      'marks saved, next 2',
      'kernel holds 1',
      'network 203.0.113.0/28 TCP/80',
    ]);
    expect(leases[0]).to.include({ nothingYet: undefined, liveServers: 1 });
  });

  it('looks at the kernel when keepalived says that it is done, then makes the mark rules', async () => {
    const { reconciler, did, state } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    let done = () => {};
    state.reloaded = new Promise<void>((resolve) => {
      done = resolve;
    }).then(() => did.push('keepalived is done'));
    const turn = reconciler.turn();
    await waitFor('keepalived to be told', () => did.includes('marks saved, next 2'));
    await new Promise(setImmediate);
    expect(did).to.not.include('kernel holds 1');
    done();
    await turn;
    expect(did.slice(-3)).to.deep.equal([
      'keepalived is done',
      'kernel holds 1',
      'network 203.0.113.0/28 TCP/80',
    ]);
  });

  it('does not wait long for a keepalived that says nothing, and not at all for one that is dead', async () => {
    const { reconciler, did, state, keepalived } = setUp();
    state.reloaded = new Promise(() => {});
    reconciler.offerConfiguration(configuration());
    for (const [alive, ports, longestMs] of [
      [true, [80], 1000],
      [false, [80, 443], 200],
    ] as const) {
      keepalived.alive = alive;
      reconciler.offerSnapshot(snapshot([...ports]));
      const startedAtMs = performance.now();
      await reconciler.turn();
      expect(performance.now() - startedAtMs, `alive: ${alive}`).to.be.below(longestMs);
      expect(did).to.include(`kernel holds ${ports.map((_, index) => index + 1)}`);
    }
  });

  it('makes no mark rule while the kernel does not hold the virtual service', async () => {
    const { reconciler, did, state } = setUp();
    state.kernelFault = 'FWM 1 is missing';
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    expect(did.at(-1)).to.equal('kernel holds 1');
    expect(reconciler.notReady()).to.equal('FWM 1 is missing');
  });

  it('drains a port that goes for the drain time, and takes its mark rule away before its virtual service', async () => {
    const { reconciler, did, state } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80, 443]));
    await reconciler.turn();
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    did.length = 0;
    state.nowMs = 10_000;
    await reconciler.turn();
    expect(did).to.deep.equal([
      'network 203.0.113.0/28 TCP/80',
      'commit',
      'kernel holds 1',
      'network 203.0.113.0/28 TCP/80',
    ]);
  });

  it('tells once what keepalived refuses, changes nothing, and takes it up when it passes', async () => {
    const { reconciler, did, told, state } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    did.length = 0;
    state.refuse = 'unknown keyword';
    reconciler.offerConfiguration(configuration('scheduler: rr'));
    for (state.nowMs = 0; state.nowMs < 12_000; state.nowMs += 1000) await reconciler.turn();
    expect(told.filter((text) => text === 'unknown keyword')).to.have.length(1);
    expect(did).to.not.include('commit');
    expect(reconciler.settings?.scheduler).to.equal('lc');
    state.refuse = '';
    state.nowMs = 20_000;
    await reconciler.turn();
    expect(did).to.include('commit');
    expect(reconciler.settings?.scheduler).to.equal('rr');
  });

  it('keeps following endpoints by the last good configuration while a new one is refused', async () => {
    const { reconciler, did, state } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    state.against = [new Error('the kernel has no scheduler')];
    reconciler.offerConfiguration(configuration('scheduler: nosuch'));
    await reconciler.turn();
    state.against = [];
    state.nowMs = 1000;
    did.length = 0;
    reconciler.offerSnapshot(snapshot([80], ['10.42.1.2', '10.42.1.3']));
    await reconciler.turn();
    expect(did).to.include('commit');
    expect(reconciler.settings?.scheduler).to.equal('lc');
  });

  it('keeps the last rules and servers when the Service is gone, and says so every minute', async () => {
    const { reconciler, did, told, leases, state } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    reconciler.offerSnapshot({ slices: [], takenAtMs: 1 });
    did.length = 0;
    for (state.nowMs = 0; state.nowMs < 120_000; state.nowMs += 1000) await reconciler.turn();
    expect(did).to.not.include('commit');
    expect(leases.at(-1)).to.include({ liveServers: 1 });
    expect(told.filter((text) => /Service default\/web is gone/.test(text))).to.have.length(2);
  });

  it('says that it stops while it goes on following the rules', async () => {
    const { reconciler, did, leases } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    reconciler.beginStop();
    reconciler.offerSnapshot(snapshot([80], ['10.42.1.9']));
    did.length = 0;
    await reconciler.turn();
    expect(leases.at(-1)).to.include({ stopping: true });
    expect(did).to.include('commit');
  });

  it('follows the endpoints of a configuration in force, never those of a refused one', async () => {
    const { reconciler, followed, state } = setUp();
    state.against = [new Error('its scheduler is not in the kernel')];
    reconciler.offerConfiguration(configuration());
    await reconciler.turn();
    expect(followed).to.deep.equal([]);
    state.against = [];
    await reconciler.turn();
    expect(new Set(followed)).to.deep.equal(new Set(['web']));
    state.against = [new Error('this LB pod serves default/web and cannot change')];
    reconciler.offerConfiguration(configuration('endpoints: { files: { directory: /other } }'));
    followed.length = 0;
    await reconciler.turn();
    expect(followed).to.deep.equal([]);
  });

  it('a name that is mended before anything was served is followed, whatever was seen of the wrong one', async () => {
    const { reconciler, followed, state } = setUp();
    state.kernelFault = 'FWM 1 is missing';
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    followed.length = 0;
    const { settings } = configuration();
    const other = { ...settings, service: { name: 'shop', namespace: 'default' } };
    reconciler.offerConfiguration({ settings: other, templates });
    await reconciler.turn();
    expect(new Set(followed)).to.deep.equal(new Set(['shop']));
  });

  it('refuses a plan that the kernel cannot carry out before anything changes', async () => {
    const { reconciler, did, told, leases, state } = setUp();
    reconciler.offerConfiguration(configuration());
    reconciler.offerSnapshot(snapshot([80]));
    await reconciler.turn();
    did.length = 0;
    state.againstPlan = [new Error('scheduler sed is not in this kernel')];
    reconciler.offerConfiguration(configuration('realServer: { weight: 2 }'));
    await reconciler.turn();
    state.againstPlan = [];
    expect(did).to.not.include('commit');
    expect(told).to.include('scheduler sed is not in this kernel');
    expect(leases.at(-1)).to.include({ liveServers: 1 });
  });
});
