/**
 * etcd and kube-apiserver alone, on loopback: for what needs the API and nothing that acts on it. Up in some seconds,
 * stopped, frozen, emptied and put back to an earlier state at will.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../wait.ts';
import { type ApiClient, createApiClient } from './api-client.ts';
import { kubeconfig, makeKeys } from './certificates.ts';
import { Program } from './program.ts';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const deadlineMs = 60_000;

export interface ServiceAccount {
  namespace: string;
  name: string;
  uid: string;
}

export class LoneApiServer {
  readonly directory: string;
  readonly port: number;
  readonly api: ApiClient;
  readonly etcd: Program;
  readonly apiServer: Program;

  constructor(directory: string, bin: string, ports: { api: number; etcd: number; peer: number }) {
    this.directory = directory;
    this.port = ports.api;
    this.api = createApiClient(this.url, this.keys);
    const program = (name: string, args: string[]) =>
      new Program({
        name,
        argv: [join(bin, name), ...args],
        logFile: join(directory, `${name}.log`),
        pidFolder: join(directory, 'programs'),
      });
    const key = (name: string) => join(this.keys, name);
    const etcdUrl = `http://127.0.0.1:${ports.etcd}`;
    this.etcd = program('etcd', [
      ...[`--data-dir=${this.#data}`, '--unsafe-no-fsync', '--logger=zap', '--log-level=warn'],
      ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
      ...[`--listen-peer-urls=http://127.0.0.1:${ports.peer}`],
    ]);
    this.apiServer = program('kube-apiserver', [
      ...[`--etcd-servers=${etcdUrl}`, `--secure-port=${ports.api}`, '--bind-address=127.0.0.1'],
      // nobody reaches it by an address of a Service; with one given it does not look for a default route
      ...['--endpoint-reconciler-type=none', '--advertise-address=192.0.2.1'],
      ...['--service-cluster-ip-range=10.96.0.0/16', '--authorization-mode=RBAC'],
      ...[`--client-ca-file=${key('ca.crt')}`],
      ...[`--tls-cert-file=${key('apiserver.crt')}`, `--tls-private-key-file=${key('apiserver.key')}`],
      ...[`--service-account-issuer=${issuer}`, `--service-account-key-file=${key('sa.pub')}`],
      `--service-account-signing-key-file=${key('sa.key')}`,
    ]);
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get keys(): string {
    return join(this.directory, 'keys');
  }

  get #data(): string {
    return join(this.directory, 'etcd');
  }

  async start(): Promise<void> {
    this.etcd.start();
    this.apiServer.start();
    await this.ready();
  }

  async ready(): Promise<void> {
    await waitFor(
      'the API server to be ready',
      async () => {
        this.etcd.mustRun();
        this.apiServer.mustRun();
        const { status, text } = await this.api.request('GET', '/readyz');
        return status === 200 || { notYet: `status ${status}: ${text.slice(0, 300)}` };
      },
      { deadlineMs, everyMs: 50 },
    );
  }

  /** As when its machine is lost: no word to those who watch. */
  async stop(): Promise<void> {
    await this.apiServer.stop('SIGKILL');
    await this.etcd.stop();
  }

  /** What etcd holds now, to be put back later; both programs are down for a moment. */
  async snapshot(): Promise<void> {
    await this.stop();
    rmSync(this.#saved, { recursive: true, force: true });
    cpSync(this.#data, this.#saved, { recursive: true });
    await this.start();
  }

  /** As after a restore of etcd: everything since the snapshot never was, and versions count from there. */
  async restore(): Promise<void> {
    await this.stop();
    rmSync(this.#data, { recursive: true });
    cpSync(this.#saved, this.#data, { recursive: true });
    await this.start();
  }

  async empty(): Promise<void> {
    await this.stop();
    rmSync(this.#data, { recursive: true });
    await this.start();
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The API itself gives none for less than ten minutes; it takes one for a minute longer than it says (jwt.DefaultLeeway). */
  token({ namespace, name, uid }: ServiceAccount, validSeconds: number): string {
    const now = Math.floor(Date.now() / 1000);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode({
      ...{ iss: issuer, aud: [issuer], iat: now - 600, nbf: now - 600, exp: now + validSeconds },
      sub: `system:serviceaccount:${namespace}:${name}`,
      'kubernetes.io': { namespace, serviceaccount: { name, uid } },
    })}`;
    const key = createPrivateKey(readFileSync(join(this.keys, 'sa.key')));
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }

  get certificateAuthority(): string {
    return readFileSync(join(this.keys, 'ca.crt'), 'utf8');
  }

  /** A kubeconfig of its administrator. */
  get kubeconfig(): string {
    const file = join(this.directory, 'admin.kubeconfig');
    writeFileSync(file, kubeconfig(this.url, this.keys, 'admin'));
    return file;
  }

  get #saved(): string {
    return join(this.directory, 'etcd-saved');
  }
}

/** `bin`: where kube-apiserver and etcd are. */
export async function startLoneApiServer(bin: string): Promise<LoneApiServer> {
  const directory = mkdtempSync(join(tmpdir(), 'lone-api-server-'));
  mkdirSync(join(directory, 'keys'));
  await makeKeys(join(directory, 'keys'));
  const [api = 0, etcd = 0, peer = 0] = await Promise.all([freePort(), freePort(), freePort()]);
  const server = new LoneApiServer(directory, bin, { api, etcd, peer });
  await server.start();
  return server;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
