import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openAccess } from '../../../../common/kubernetes/access.ts';
import { problemOfFailure } from '../../../../common/kubernetes/answers.ts';
import { createClient } from '../../../../common/kubernetes/client.ts';
import { ApiServer } from './api-server.ts';

const path = '/api/v1/namespaces/default/services';

/** Two authorities that know nothing of each other, each with a certificate of 127.0.0.1. */
function makeCertificate(directory: string, name: string) {
  const file = (end: string) => join(directory, `${name}.${end}`);
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key')];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, '-days', '2', '-out', file('crt')], {
    stdio: 'pipe',
  });
  return { key: readFileSync(file('key'), 'utf8'), cert: readFileSync(file('crt'), 'utf8') };
}

describe('access to the API of a cluster', () => {
  let directory: string;
  let server: ApiServer;
  let mine: { key: string; cert: string };
  let other: { key: string; cert: string };

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'access-'));
    mine = makeCertificate(directory, 'mine');
    other = makeCertificate(directory, 'other');
  });
  after(() => rmSync(directory, { recursive: true }));
  beforeEach(async () => {
    server = await new ApiServer(mine).start();
    mount('token-1\n', mine.cert);
  });
  afterEach(() => server.stop());

  function mount(token: string, ca: string) {
    writeFileSync(join(directory, 'token'), token);
    writeFileSync(join(directory, 'ca.crt'), ca);
  }
  const env = () => ({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: server.url.port });
  const open = async () => createClient(await openAccess(env(), directory));
  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('it was not refused'),
      (error: unknown) => problemOfFailure(error, 'https://server').message,
    );

  it('shows the token that is mounted now, and trusts the authority that is', async () => {
    const client = await open();
    expect((await client.request({ path })).status).to.equal(200);
    mount('token-2', other.cert);
    expect(await refusal(client.request({ path }))).to.match(
      /cannot be reached \(.*self.signed certificate.*new CA, and whether this machine names the right server/,
    );
    mount('token-3', `${other.cert}${mine.cert}`);
    expect((await client.request({ path })).status).to.equal(200);
    const shown = server.seen.map(({ headers }) => headers.authorization);
    expect(shown).to.deep.equal(['Bearer token-1', 'Bearer token-3']);
  });

  it('says what is missing', async function () {
    // a named kubeconfig reads the whole API client from disk, which nothing else here does
    this.timeout(60_000);
    expect(await refusal(openAccess({}))).to.match(/KUBERNETES_SERVICE_HOST: is not set; run in a pod/);
    expect(await refusal(openAccess(env(), '/nonexistent'))).to.match(/\/nonexistent\/token: ENOENT/);
    expect(await refusal(openAccess({ KUBECONFIG: '/nonexistent' }))).to.match(
      /KUBECONFIG \/nonexistent: ENOENT/,
    );
  });

  it('takes a kubeconfig where one is named', async function () {
    this.timeout(60_000);
    const file = join(directory, 'kubeconfig');
    const cluster = { server: server.url.href, 'certificate-authority': join(directory, 'mine.crt') };
    const kubeconfig = {
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: 'of-the-file' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(file, JSON.stringify(kubeconfig));
    const client = createClient(await openAccess({ KUBECONFIG: file }));
    expect((await client.request({ path })).status).to.equal(200);
    expect(server.seen[0]?.headers.authorization).to.equal('Bearer of-the-file');
  });
});
