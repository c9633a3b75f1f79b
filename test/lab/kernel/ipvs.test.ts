/** IPVS over generic netlink, against what ipvsadm sees of it. */
import { expect } from 'chai';
import type { IpvsService } from '../../../controller/core/types.ts';
import { type Actor, markService, natServer, startActor } from './actors.ts';
import { Namespaces, run } from './namespaces.ts';

describe('IPVS of a network namespace', function () {
  this.timeout(60_000);
  const namespaces = new Namespaces();
  let name: string;
  let pod: Actor;

  before(async () => {
    name = namespaces.add('pod');
    pod = await namespaces.actor(name);
  });
  after(() => namespaces.remove());
  afterEach(() => run('ip', 'netns', 'exec', name, 'ipvsadm', '-C'));

  const ipvsadm = (...args: string[]) => run('ip', 'netns', 'exec', name, 'ipvsadm', ...args);
  const rules = () => ipvsadm('-S', '-n').trim().split('\n').sort();

  it('makes what ipvsadm then shows', async () => {
    const web = markService(1, 'lc');
    const dns: IpvsService = {
      family: 6,
      protocol: 'UDP',
      address: '2001:db8::7',
      port: 53,
      scheduler: 'rr',
      flags: ['ops'],
      persistence: { timeoutSeconds: 90, netmask: '64' },
      destinations: [],
    };
    await pod.ipvs('addService', web);
    await pod.ipvs('addDestination', web, { ...natServer('10.42.1.7', 8080, 3), lowerThreshold: 100 });
    await pod.ipvs('addDestination', web, { ...natServer('10.42.2.9', 8081, 0), method: 'tunnel' });
    await pod.ipvs('addService', dns);
    await pod.ipvs('addDestination', dns, natServer('2001:db8:1::9', 5353));
    expect(rules()).to.deep.equal(
      [
        '-A -f 1 -s lc',
        '-a -f 1 -r 10.42.1.7:8080 -m -w 3',
        '-a -f 1 -r 10.42.2.9:8081 -i -w 0 --tun-type ipip',
        '-A -u [2001:db8::7]:53 -s rr -p 90 -M 64 -o',
        '-a -u [2001:db8::7]:53 -r [2001:db8:1::9]:5353 -m -w 1',
      ].sort(),
    );
    const services = await pod.ipvs('services');
    expect(
      services.map(({ destinations, ...service }) => [service, destinations.length]),
    ).to.have.deep.members([
      [{ family: 4, mark: 1, scheduler: 'lc', flags: [] }, 2],
      [
        {
          family: 6,
          protocol: 'UDP',
          address: '2001:db8::7',
          port: 53,
          scheduler: 'rr',
          flags: ['ops'],
          persistence: { timeoutSeconds: 90, netmask: '64' },
        },
        1,
      ],
    ]);
    expect(services.find(({ mark }) => mark === 1)?.destinations).to.have.deep.members([
      { ...natServer('10.42.1.7', 8080, 3), lowerThreshold: 100 },
      { ...natServer('10.42.2.9', 8081, 0), method: 'tunnel' },
    ]);
  });

  it('reads what ipvsadm makes, whatever its kind', async () => {
    ipvsadm('-A', '-t', '203.0.113.7:443', '-s', 'sh', '-b', 'sh-port', '-p', '300', '-M', '255.255.0.0');
    ipvsadm('-a', '-t', '203.0.113.7:443', '-r', '10.42.1.7:443', '-g', '-w', '5');
    const [service] = await pod.ipvs('services');
    expect(service).to.deep.equal({
      family: 4,
      protocol: 'TCP',
      address: '203.0.113.7',
      port: 443,
      scheduler: 'sh',
      flags: ['flag-2'],
      persistence: { timeoutSeconds: 300, netmask: '255.255.0.0' },
      destinations: [{ ...natServer('10.42.1.7', 443, 5), method: 'route', upperThreshold: 0 }],
    });
    expect(await pod.ipvs('counters')).to.have.length(1);
  });

  it('sets and deletes exactly one entry', async () => {
    const web = markService(1);
    await pod.ipvs('addService', web);
    for (const last of [1, 2, 3]) await pod.ipvs('addDestination', web, natServer(`10.42.1.${last}`, 80));
    await pod.ipvs('setDestination', web, natServer('10.42.1.2', 80, 7));
    await pod.ipvs('deleteDestination', web, natServer('10.42.1.3', 80));
    await pod.ipvs('setService', { ...web, scheduler: 'wlc' });
    expect(rules()).to.deep.equal([
      '-A -f 1 -s wlc',
      '-a -f 1 -r 10.42.1.1:80 -m -w 1',
      '-a -f 1 -r 10.42.1.2:80 -m -w 7',
    ]);
    await pod.ipvs('deleteService', web);
    expect(rules()).to.deep.equal(['']);
  });

  it('does not mind that another writer was faster', async () => {
    const web = markService(1);
    ipvsadm('-A', '-f', '1', '-s', 'lc');
    ipvsadm('-a', '-f', '1', '-r', '10.42.1.1:80', '-m', '-w', '9');
    await pod.ipvs('addService', web);
    await pod.ipvs('addDestination', web, natServer('10.42.1.1', 80, 2));
    expect(rules()).to.deep.equal(['-A -f 1 -s rr', '-a -f 1 -r 10.42.1.1:80 -m -w 2']);
    await pod.ipvs('deleteDestination', web, natServer('10.42.9.9', 80));
    await pod.ipvs('deleteService', markService(7));
  });

  it('says what is refused and what to do', async () => {
    const refusal = (call: Promise<unknown>) =>
      call.then(
        () => 'done',
        (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
      );
    expect(await refusal(pod.ipvs('addService', markService(1, 'nonesuch')))).to.match(
      /^SCHEDULER_MISSING: scheduler nonesuch is not in this kernel \(ENOENT\): .*modprobe ip_vs_nonesuch/,
    );
    expect(await refusal(pod.ipvs('setDestination', markService(4), natServer('10.42.1.1', 80)))).to.match(
      /^IPVS_REFUSED: .*real server 10\.42\.1\.1:80 of virtual service FWM 4 \(ESRCH\)/,
    );
    await pod.ipvs('addService', markService(1));
    expect(
      await refusal(pod.ipvs('addDestination', markService(1), natServer('10.42.1.1', 80, -1))),
    ).to.match(/^IPVS_REFUSED: .*\(ERANGE\): a weight or threshold is out of range/);
  });

  it('names the capability when it is missing', async () => {
    const weak = [
      'ip',
      'netns',
      'exec',
      name,
      'setpriv',
      '--bounding-set',
      '-net_admin',
      '--inh-caps',
      '-net_admin',
    ];
    const actor = await startActor(weak);
    try {
      const error = await actor.ipvs('services').catch((thrown: { code: string; message: string }) => thrown);
      expect(error).to.include({ code: 'NO_NET_ADMIN' });
      expect((error as { message: string }).message).to.contain(
        'capabilities: {drop: [ALL], add: [NET_ADMIN]}',
      );
    } finally {
      await actor.stop();
    }
  });

  it('reads a thousand servers faster than ipvsadm does', async () => {
    const web = markService(1);
    await pod.ipvs('addService', web);
    const batch = Array.from({ length: 1000 }, (_, at) => natServer(`10.50.${at >> 8}.${at & 255}`, 80));
    await Promise.all(batch.map((server) => pod.ipvs('addDestination', web, server)));
    const [service] = await pod.ipvs('services');
    expect(service?.destinations).to.have.deep.members(batch);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < 15; round += 1) {
      ours.push((await pod.measureDump()).tookMs);
      const startedAt = performance.now();
      ipvsadm('-L', '-n');
      theirs.push(performance.now() - startedAt);
    }
    const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;
    expect(median(ours), `ipvsadm: ${median(theirs)} ms`).to.be.lessThan(median(theirs));
  });

  it('sees no entry twice and none missing while another writer changes others', async () => {
    const web = markService(1);
    await pod.ipvs('addService', web);
    const lasting = Array.from({ length: 200 }, (_, at) => natServer(`10.50.1.${at}`, 80));
    await Promise.all(lasting.map((server) => pod.ipvs('addDestination', web, server)));
    const other = await namespaces.actor(name);
    const churn = (async () => {
      for (let turn = 0; turn < 100; turn += 1) {
        await other.ipvs('addDestination', markService(1), natServer(`10.60.0.${turn}`, 80));
        await other.ipvs('addService', markService(2));
        await other.ipvs('deleteService', markService(2));
      }
    })();
    for (let turn = 0; turn < 50; turn += 1) {
      const services = await pod.ipvs('services');
      const seen = services.find(({ mark }) => mark === 1)?.destinations.map(({ address }) => address) ?? [];
      expect(new Set(seen).size).to.equal(seen.length);
      expect(seen).to.include.members(lasting.map(({ address }) => address));
    }
    await churn;
  });
});
