/** What users put behind an LB: databases, DNS, an ingress controller; each asked by its own protocol. */
import { expect } from 'chai';
import type { ProcessRole } from '../../lab/api.ts';
import type { Cluster, Pod } from '../../lab/cluster/cluster.ts';
import { waitFor } from '../../lab/wait.ts';
import { type Database, database, postgres, redis } from './deployments/databases.ts';
import { dnsServers, healthCheckHex, records } from './deployments/dns.ts';
import type { DnsPlan, DnsResult } from './deployments/dns-client.ts';
import { healthPath, ingress, ingressController } from './deployments/ingress.ts';
import { patientProbe, servers } from './manifests.ts';
import { testNamespace as namespace, openSite, patientMs, type Site } from './site.ts';

const loadBalancerClass = 'portable-lb.io/ingress';
const ingressClass = 'skipper';
const hosts = { 'catalog.example.org': 'catalog', 'news.example.org': 'news' };
const urls = Object.keys(hosts).map((host) => `http://${host}/`);
const vip = {
  postgres: '203.0.113.161',
  redis: '203.0.113.169',
  dns: '203.0.113.177',
  ingress: '203.0.113.185',
};
const prefixOf = (name: keyof typeof vip) => vip[name].replace(/\d+$/, (last) => `${Number(last) - 1}/29`);
const dnsReplicas = 3;
/** Of dns-client.ts. */
const keptSockets = 6;
const controllerReplicas = 2;

/** A machine that is shared by many must not look like a server that hangs. */
const connectTimeoutSeconds = 10;

const releases = [
  { name: 'postgres', service: 'postgres', replicas: 1, values: { healthCheck: { connectTimeoutSeconds } } },
  { name: 'redis', service: 'redis', replicas: 1, values: { healthCheck: { connectTimeoutSeconds } } },
  {
    name: 'dns',
    service: 'dns',
    replicas: 2,
    values: {
      healthCheck: { connectTimeoutSeconds, udp: { payloadHex: healthCheckHex, requireReply: true } },
    },
  },
  {
    name: 'ingress',
    service: { loadBalancerClass },
    replicas: 2,
    values: { healthCheck: { connectTimeoutSeconds, type: 'http', http: { path: healthPath } } },
  },
] as const;

const manifests = [
  ...database(postgres, namespace),
  ...database(redis, namespace),
  ...dnsServers('dns', namespace, dnsReplicas),
  ...ingressController({
    ...{ name: 'ingress', namespace, replicas: controllerReplicas },
    ...{ loadBalancerClass, ingressClass },
  }),
  ...Object.values(hosts).flatMap((name) =>
    servers({ namespace, name, replicas: 2, leaveSeconds: 2, probe: patientProbe }),
  ),
  ingress(namespace, ingressClass, hosts),
];

describe('deployments in the cluster', function () {
  this.timeout(2 * patientMs);
  let site: Site;
  let cluster: Cluster;
  let clients: ProcessRole[] = [];

  before(async () => {
    site = await openSite();
    ({ cluster } = site);
    await Promise.all([
      cluster.apply(manifests),
      ...releases.map(({ name, ...rest }) => site.installLb({ name, ...rest, prefixes: [prefixOf(name)] })),
    ]);
    await Promise.all([
      ...releases.map(({ name, replicas }) =>
        cluster.router.waitForNextHops(prefixOf(name), replicas, patientMs),
      ),
      ...Object.entries(podCounts).map(([name, count]) => podsOf(name, count)),
    ]);
  });
  const podCounts = {
    postgres: 1,
    redis: 1,
    dns: dnsReplicas,
    ingress: controllerReplicas,
    catalog: 2,
    news: 2,
  };
  after(async () => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests });
    await site.uninstallLb(...releases.map(({ name }) => name));
    await cluster.kubectl(['delete', '--ignore-not-found', '--wait=false', '-f', '-'], { input });
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.kill()));
    clients = [];
  });

  /** Its log is a new one, also in a cluster that has seen this test before. */
  const startClient = async (name: string, command: string[]) => {
    const client = await cluster.client.start(`${name}-${process.pid}`, command);
    clients.push(client);
    return client;
  };
  const podsOf = (name: string, count: number) =>
    cluster.waitForPods(namespace, `app=${name}`, count, patientMs);
  const namesOf = (pods: Pod[]) => pods.map(({ metadata }) => metadata.name).sort();
  const scale = ({ name }: Database, replicas: number) =>
    cluster.kubectl(['scale', 'statefulset', name, '-n', namespace, `--replicas=${replicas}`]);
  const tell = (test: Mocha.Runnable | undefined, text: string) => {
    if (test) test.title += ` [${text}]`;
  };

  describe('PostgreSQL', () => {
    const program = (name: string) => ['chroot', cluster.databases, `/usr/lib/postgresql/17/bin/${name}`];
    const target = ['--host', vip.postgres, '--username', 'postgres'];
    const psqlOptions = ['--no-psqlrc', '--tuples-only', '--no-align', '--set', 'ON_ERROR_STOP=1'];
    const psql = async (query: string) => {
      const command = [...program('psql'), ...target, ...psqlOptions, '--command', query];
      return (await cluster.client.exec(command, { timeoutMs: patientMs })).trim();
    };
    const psqlInPod = async (query: string) => {
      const command = ['psql', '--host=/tmp', '--username=postgres', ...psqlOptions, `--command=${query}`];
      return (await site.execIn('postgres-0', 'postgres', command)).trim();
    };
    const serverName = "select current_setting('cluster_name')";

    it('loses no transaction of pgbench while other servers come and go', async function () {
      // It listens before it is ready to answer.
      await untilAsked(['postgres-0']);
      const pgbench = (...args: string[]) =>
        cluster.client.exec([...program('pgbench'), ...target, ...args, 'postgres'], {
          timeoutMs: patientMs,
        });
      await pgbench('--initialize', '--quiet');
      const startedAtMs = performance.now();
      const [kept, fresh] = await Promise.all([
        pgbench('--no-vacuum', '--client=4', '--transactions=100'),
        pgbench('--no-vacuum', '--client=2', '--transactions=25', '--connect'),
        site.scale('news', 4).then(() => podsOf('news', 4)),
      ]);
      tell(this.test, `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
      expect(kept)
        .to.match(/actually processed: 400\/400\n/)
        .and.match(/failed transactions: 0 /);
      expect(fresh)
        .to.match(/actually processed: 50\/50\n/)
        .and.match(/failed transactions: 0 /);
    });

    it('keeps a transaction open while a server is added, and spreads new sessions', async () => {
      await psql('create table kept (value text); create table go_on ()');
      const script = `begin;
        insert into kept values ('as it was');
        do $$ begin
          while not exists (select from go_on) loop perform pg_sleep(0.1); end loop;
        end $$;
        commit;`;
      const session = cluster.client.exec([...program('psql'), ...target, ...psqlOptions], {
        input: script,
        timeoutMs: patientMs,
      });
      await waitFor('the transaction to wait', async () => {
        const waiting = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
        return (await psqlInPod(waiting)) === '1';
      });
      await scale(postgres, 2);
      await untilAsked(['postgres-1']);
      expect(await psqlInPod('select count(*) from kept')).to.equal('0');
      await psqlInPod('insert into go_on default values');
      await session;
      expect(await psqlInPod('select value from kept')).to.equal('as it was');
      await untilAsked(['postgres-0', 'postgres-1']);
    });

    /** Sessions one after the other. */
    async function untilAsked(wanted: string[]): Promise<void> {
      const seen = new Set<string>();
      await waitFor(
        `sessions at ${wanted.join(' and ')}`,
        async () => {
          seen.add(await psql(serverName));
          return wanted.every((name) => seen.has(name)) || { notYet: [...seen].join(' ') };
        },
        { deadlineMs: patientMs },
      );
    }
  });

  describe('Redis', () => {
    const redisCli = () => ['chroot', cluster.databases, '/usr/bin/redis-cli', '-h', vip.redis];
    const ask = async (...args: string[]) => (await cluster.client.exec([...redisCli(), ...args])).trim();

    it('gets back what was set, and loses nothing of a pipeline', async () => {
      expect(await ask('set', 'key', 'kept')).to.equal('OK');
      expect(await ask('get', 'key')).to.equal('kept');
      const count = 20_000;
      const input = Array.from({ length: count }, (_, i) => `SET key:${i} ${'x'.repeat(100)}\r\n`).join('');
      const said = await cluster.client.exec([...redisCli(), '--pipe'], { input, timeoutMs: patientMs });
      expect(said).to.match(new RegExp(`errors: 0, replies: ${count}`));
      expect(await ask('dbsize')).to.equal(String(count + 1));
    });

    it('keeps a subscriber while a server is added', async () => {
      const publish = (text: string) =>
        site.execIn('redis-0', 'redis', ['redis-cli', 'publish', 'news', text]);
      const subscriber = await startClient('subscriber', [...redisCli(), 'subscribe', 'news']);
      await subscriber.waitForLog(/^subscribe/);
      await scale(redis, 2);
      await waitFor('new connections at the second server', async () => (await ask('dbsize')) === '0', {
        deadlineMs: patientMs,
      });
      expect((await publish('after')).trim()).to.equal('1');
      await subscriber.waitForLog(/^after$/);
    });
  });

  describe('DNS', () => {
    const program = new URL('./deployments/dns-client.ts', import.meta.url).pathname;
    const names = Object.keys(records);
    const planOf = (plan: Pick<DnsPlan, 'transport'> & Partial<DnsPlan>): DnsPlan => ({
      ...{ server: vip.dns, names },
      ...plan,
    });
    const command = (plan: DnsPlan) => [process.execPath, program, JSON.stringify(plan)];
    const resultsIn = (text: string): DnsResult[] =>
      JSON.parse(text.split('\n').find((line) => line.startsWith('[')) ?? '');
    const isRight = ({ name, answer }: DnsResult) =>
      answer?.responseCode === 0 && answer.addresses.join() === records[name];
    const serversOf = (results: DnsResult[]) =>
      [...new Set(results.map(({ answer }) => answer?.server ?? ''))].sort();

    for (const transport of ['udp', 'tcp'] as const) {
      it(`answers over ${transport.toUpperCase()}, from every server`, async () => {
        const plan = planOf({ transport, count: 60 });
        const results = resultsIn(await cluster.client.exec(command(plan), { timeoutMs: patientMs }));
        expect(results.filter((each) => !isRight(each))).to.deep.equal([]);
        expect(serversOf(results)).to.deep.equal(namesOf(await podsOf('dns', dnsReplicas)));
      });
    }

    it('loses no question while a server is replaced', async function () {
      const transports = ['udp', 'udp-kept', 'tcp'] as const;
      const asking = await Promise.all(
        transports.map((transport) =>
          startClient(`dns-${transport}`, command(planOf({ transport, ratePerSecond: 30 }))),
        ),
      );
      for (const client of asking) await client.waitForLog(/^asking$/);
      const [leaving] = namesOf(await podsOf('dns', dnsReplicas));
      await cluster.kubectl(['delete', 'pod', leaving ?? '', '-n', namespace], { timeoutMs: patientMs });
      const left = namesOf(await podsOf('dns', dnsReplicas));
      expect(left).to.not.include(leaving);
      const told: string[] = [];
      const outcomes: DnsResult[][] = [];
      for (const [i, client] of asking.entries()) {
        client.signal('SIGTERM');
        await client.waitForExit(patientMs);
        const results = resultsIn(client.logText());
        outcomes.push(results);
        const lost = results.filter((each) => !isRight(each)).length;
        const again = results.filter(({ attempts }) => attempts > 1).length;
        told.push(`${transports[i]}: ${results.length} asked, ${again} of them again, ${lost} lost`);
      }
      tell(this.test, told.join('; '));
      const [udp = [], kept = [], tcp = []] = outcomes;
      expect([...udp, ...tcp].filter((each) => !isRight(each))).to.deep.equal([]);
      // A socket's questions go to one server until its endpoint is gone, which is a moment after the server is.
      expect(kept.slice(-keptSockets).filter((each) => !isRight(each))).to.deep.equal([]);
      expect(serversOf(kept.slice(-keptSockets))).to.not.include(leaving);
    });
  });

  describe('ingress controller', () => {
    const address = vip.ingress;

    it('answers for each host from its servers, through each controller pod', async () => {
      const service = await cluster.get<{ status: object }>('services', 'ingress', namespace);
      expect(service?.status).to.deep.equal({
        loadBalancer: { ingress: [{ ip: address, ipMode: 'Proxy' }] },
      });
      for (const url of urls)
        await waitFor(`an answer of ${url}`, async () => {
          const { status, error } = await cluster.client.get(url, { address });
          return status === 200 || { notYet: error ?? `status ${status}` };
        });
      const controllers = await podsOf('ingress', controllerReplicas);
      const report = await cluster.client.requests({ urls, address, count: 80 });
      expect(report.failed).to.deep.equal([]);
      for (const { url, server } of report.results)
        expect(server.replace(/-.*/, '')).to.equal(new URL(url).hostname.split('.')[0]);
      expect(Object.keys(report.perLbPod).sort()).to.deep.equal(
        controllers.map(({ status }) => status.podIP ?? '').sort(),
      );
      expect((await cluster.client.get('http://unknown.example.org/', { address })).status).to.equal(404);
    });

    it('loses no request while the controller is restarted, pod by pod', async function () {
      const before = namesOf(await podsOf('ingress', controllerReplicas));
      const load = await cluster.client.startLoad({ urls, address, ratePerSecond: 30, timeoutMs: 30_000 });
      await cluster.kubectl(['rollout', 'restart', 'deployment/ingress', '-n', namespace]);
      const status = ['rollout', 'status', 'deployment/ingress', '-n', namespace, '--timeout=230s'];
      await cluster.kubectl(status, { timeoutMs: patientMs });
      const after = namesOf(await podsOf('ingress', controllerReplicas));
      const report = await load.stop();
      for (const name of after) expect(before).to.not.include(name);
      tell(this.test, `${report.failed.length} of ${report.results.length} failed`);
      expect(report.failed).to.deep.equal([]);
    });
  });
});
