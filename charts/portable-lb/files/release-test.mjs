/**
 * `helm test`: is this release well? LB pods ready, leases valid, sessions up, prefixes announced, and a connection
 * through IPVS. Looks again and again until all is well or its time is over; nothing but Node is needed.
 */
import { readFileSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const account = '/run/secrets/kubernetes.io/serviceaccount';
const config = JSON.parse(readFileSync('/test/config.json', 'utf8'));
const answerMs = 5_000;
const lookEveryMs = 1_000;
/** LB pods read their counters every 5 s. */
const countersMs = 12_000;

const deadlineMs = performance.now() + config.timeoutSeconds * 1_000;
for (;;) {
  const { well, wrong } = await look();
  if (wrong.length === 0) {
    for (const line of well) console.log(`ok: ${line}`);
    break;
  }
  if (performance.now() > deadlineMs) {
    for (const line of well) console.log(`ok: ${line}`);
    for (const line of wrong) console.log(`NOT ok after ${config.timeoutSeconds} s: ${line}`);
    process.exitCode = 1;
    break;
  }
  await sleep(lookEveryMs);
}

/** Sentences of what is well and of what is not; a question that cannot be asked is one of the latter. */
async function look() {
  const well = [];
  const wrong = [];
  const check = async (what, question) => {
    try {
      well.push(`${what}: ${await question()}`);
    } catch (error) {
      wrong.push(`${what}: ${error.message}`);
    }
  };
  let pods = [];
  await check('LB pods', async () => {
    pods = await readyPods();
    return `${pods.length} ready`;
  });
  for (const { metadata, status } of pods) {
    await check(`${metadata.name} controller`, () => controllerIsWell(status.podIP));
    if (config.bgp) await check(`${metadata.name} bgp-sidecar`, () => sidecarIsWell(status.podIP));
  }
  if (config.request.enabled && wrong.length === 0) await check('request', () => passesIpvs(pods));
  return { well, wrong };
}

async function readyPods() {
  const base = `/apis/apps/v1/namespaces/${config.namespace}/deployments/${config.deployment}`;
  const wanted = (await askApi(base)).spec.replicas;
  const selector = encodeURIComponent(config.selector);
  const { items } = await askApi(`/api/v1/namespaces/${config.namespace}/pods?labelSelector=${selector}`);
  const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const unready = staying.filter((pod) => !isReady(pod));
  if (staying.length !== wanted || unready.length > 0)
    throw new Error(
      `${staying.length - unready.length} of ${wanted} are ready; not ready: ${unready.map(({ metadata }) => metadata.name).join(', ') || 'none that exists'}; see kubectl describe pod and kubectl logs`,
    );
  return staying;
}

function isReady({ status }) {
  return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}

async function controllerIsWell(podIP) {
  const metrics = await askHealth(podIP, config.controllerPort);
  if (metrics.sum('portable_lb_kernel_holds_wanted') !== 1)
    throw new Error('IPVS does not hold what is wanted; see its log');
  if (metrics.sum('portable_lb_lease_announce') !== 1)
    throw new Error('its lease says no; the reason is in its log');
  return `lease valid, ${metrics.sum('portable_lb_real_servers_live')} real servers live`;
}

async function sidecarIsWell(podIP) {
  const metrics = await askHealth(podIP, config.sidecarPort);
  const sessions = metrics.sum('portable_lb_bgp_sessions_up');
  if (!(sessions > 0)) throw new Error('no BGP session is up; the reason is in its log');
  const announced = metrics.sum('portable_lb_bgp_prefixes', 'state="announced"');
  if (announced !== config.prefixes.length)
    throw new Error(
      `${announced} of ${config.prefixes.length} prefixes are announced; the reason is in its log`,
    );
  return `${sessions} sessions up, announced ${config.prefixes.join(', ')}`;
}

async function askHealth(address, port) {
  const ready = await getText({ address, port, path: '/readyz' });
  if (ready.status !== 200) throw new Error(`not ready: ${ready.body.trim()}`);
  const { body } = await getText({ address, port, path: '/metrics' });
  return { sum: (name, labels) => sumOf(body, name, labels) };
}

/** The sum over a metric's lines that have these labels; NaN without any. */
function sumOf(metrics, name, labels = '') {
  const lines = metrics
    .split('\n')
    .filter((line) => line.match(/^\w+/)?.[0] === name && line.includes(labels));
  if (lines.length === 0) return Number.NaN;
  return lines.reduce((all, line) => all + Number(line.split(' ').at(-1)), 0);
}

/** In NAT mode it is a real server that answers the handshake; the LB pods' own counters tell that it crossed one. */
async function passesIpvs(pods) {
  const { address, path } = config.request;
  const port = config.request.port || (await firstTcpPort());
  if (port === undefined) return 'none: the Service has no TCP port';
  const before = await connectionsOf(pods);
  const what = path ? await asksHttp(address, port, path) : await connects(address, port);
  const giveUpMs = performance.now() + countersMs;
  while ((await connectionsOf(pods)) <= before) {
    if (performance.now() > giveUpMs)
      throw new Error(
        `${what}, but no LB pod saw it: somebody else answers for ${address} (externalIPs? kube-proxy?)`,
      );
    await sleep(lookEveryMs);
  }
  return `${what}, through an LB pod`;
}

async function connectionsOf(pods) {
  const counts = pods.map(async ({ status }) => {
    const { body } = await getText({ address: status.podIP, port: config.controllerPort, path: '/metrics' });
    return sumOf(body, 'portable_lb_connections_total') || 0;
  });
  return (await Promise.all(counts)).reduce((all, each) => all + each, 0);
}

async function asksHttp(address, port, path) {
  const { status } = await getText({ address, port, path });
  const what = `http://${address}:${port}${path} answers ${status}`;
  if (status >= 500) throw new Error(what);
  return what;
}

function connects(address, port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: answerMs });
    const fail = (why) => {
      socket.destroy();
      reject(
        new Error(
          `no connection to ${address}:${port} (${why}); do pods of the cluster have a route to the prefix? (else tests.request.enabled: false)`,
        ),
      );
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve(`a real server answers at ${address}:${port}`);
    });
    socket.once('timeout', () => fail(`no answer in ${answerMs} ms`));
    socket.once('error', (error) => fail(error.message));
  });
}

async function firstTcpPort() {
  const { namespace, name, loadBalancerClass } = config.service;
  const services = `/api/v1/namespaces/${namespace}/services`;
  if (!name && !loadBalancerClass)
    throw new Error('set tests.request.port, since the Service is known by its Ingress only');
  const found = name
    ? await askApi(`${services}/${name}`)
    : (await askApi(services)).items.find(({ spec }) => spec.loadBalancerClass === loadBalancerClass);
  if (found === undefined) throw new Error(`no Service of loadBalancerClass ${loadBalancerClass}`);
  return found.spec.ports.find(({ protocol }) => protocol === 'TCP')?.port;
}

async function askApi(path) {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const token = readFileSync(`${account}/token`, 'utf8').trim();
  const { status, body } = await read((done) =>
    request(
      {
        host,
        port,
        path,
        ca: readFileSync(`${account}/ca.crt`),
        headers: { authorization: `Bearer ${token}` },
        timeout: answerMs,
      },
      done,
    ),
  );
  if (status !== 200) throw new Error(`the API answers ${status} to ${path}: ${JSON.parse(body).message}`);
  return JSON.parse(body);
}

function getText({ address, port, path }) {
  return read((done) => getHttp({ host: address, port, path, timeout: answerMs, agent: false }, done));
}

function read(ask) {
  return new Promise((resolve, reject) => {
    const asked = ask((response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${answerMs} ms`)));
    asked.on('error', reject);
    asked.end();
  });
}
