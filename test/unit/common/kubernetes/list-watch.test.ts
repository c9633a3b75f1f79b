import { expect } from 'chai';
import { monotonicMs } from '../../../../common/clock.ts';
import { createClient } from '../../../../common/kubernetes/client.ts';
import { type Followed, followCollection, type Timing } from '../../../../common/kubernetes/list-watch.ts';
import type { KubernetesObject } from '../../../../common/kubernetes/objects.ts';
import type { Problem } from '../../../../common/problem.ts';
import { ApiServer, type Fault, type Seen, until } from './api-server.ts';

const path = '/api/v1/namespaces/default/services';

function service(name: string, more: object = {}) {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { type: 'ClusterIP' }, ...more };
}

describe('list-watch', () => {
  let server: ApiServer;
  let followed: Followed | undefined;
  let given: string[][];
  let last: readonly KubernetesObject[];
  let told: (string | undefined)[];

  beforeEach(async () => {
    server = await new ApiServer().start();
    given = [];
    told = [];
  });

  afterEach(async () => {
    await followed?.stop();
    followed = undefined;
    await server.stop();
  });

  function follow(timing: Partial<Timing> = {}, query?: Record<string, string>) {
    const url = server.url;
    const client = createClient({
      server: url,
      options: async () => ({ headers: { authorization: 'Bearer x' } }),
    });
    followed = followCollection<KubernetesObject>({
      client,
      path,
      ...(query ? { query } : {}),
      onObjects(objects) {
        last = objects;
        given.push(objects.map(({ metadata }) => metadata?.name ?? ''));
      },
      onFailure: (problem: Problem | undefined) => told.push(problem?.message),
      nowMs: monotonicMs,
      timing,
    });
    return followed;
  }

  const lists = () => server.seen.filter(({ query }) => !query.has('watch')).length;
  const watching = () =>
    until(
      () => server.watches > 0,
      () => server.seen.length,
    );

  it('gives what is there at first, and each change after it, whole', async () => {
    server.put(path, service('a'));
    follow();
    await watching();
    server.put(path, service('b'));
    server.remove(path, 'a');
    await until(
      () => given.at(-1)?.join() === 'b',
      () => given,
    );
    expect(given[0]).to.deep.equal(['a']);
    expect(told).to.deep.equal([]);
  });

  it('gives an empty collection as one, and leaves out who manages which field', async () => {
    follow();
    await until(() => given.length === 1);
    expect(given[0]).to.deep.equal([]);
    await watching();
    server.put(path, service('a'));
    await until(() => given.length === 2);
    expect(last[0]?.metadata).to.not.have.property('managedFields');
    expect(last[0]).to.include({ kind: 'Service', apiVersion: 'v1' });
  });

  it('asks etcd for the list, and the watch for bookmarks from there', async () => {
    follow({ watchSeconds: 240 }, { fieldSelector: 'metadata.name=a' });
    await watching();
    const [list, watch] = server.seen;
    expect(list?.query.has('resourceVersion')).to.equal(false);
    expect(Object.fromEntries(watch?.query ?? [])).to.include({
      fieldSelector: 'metadata.name=a',
      resourceVersion: '100',
      allowWatchBookmarks: 'true',
    });
    expect(Number(watch?.query.get('timeoutSeconds'))).to.be.within(240, 300);
    expect(list?.headers.authorization).to.equal('Bearer x');
  });

  for (const how of ['cleanly', 'by reset', 'within a line'] as const)
    it(`lists again when a watch ends ${how}, and gives nothing that did not change`, async () => {
      server.put(path, service('a'));
      follow();
      await watching();
      server.endWatches(how);
      await until(
        () => lists() === 2 && server.watches === 1,
        () => server.seen.length,
      );
      expect(given).to.deep.equal([['a']]);
      expect(told).to.deep.equal([]);
    });

  it('sees what it missed while a watch was broken, a deletion too', async () => {
    server.put(path, service('a'));
    server.put(path, service('b'));
    follow();
    await watching();
    server.forget(path, 'a');
    server.endWatches('by reset');
    await until(
      () => given.at(-1)?.join() === 'b',
      () => given,
    );
  });

  it('takes an object that was deleted and made again with the same version for another one', async () => {
    const before = server.put(path, service('a'));
    follow();
    await watching();
    server.forget(path, 'a');
    server.goBackTo(Number(before.metadata?.resourceVersion) - 1);
    server.put(path, service('a', { metadata: { name: 'a', uid: 'another' } }));
    server.endWatches('by reset');
    await until(
      () => last[0]?.metadata?.uid === 'another',
      () => last,
    );
  });

  it('resumes a watch that ended when it should, from the last bookmark', async () => {
    follow({ watchSeconds: 1 });
    await watching();
    server.version = 500;
    server.bookmark();
    await until(() => (followed?.confirmedAtMs ?? 0) > (followed?.listedAtMs ?? 0));
    server.endWatches('cleanly');
    await until(() => server.seen.length === 3);
    expect(server.seen[2]?.query.get('resourceVersion')).to.equal('500');
  });

  it('lists again after 410, as an event and as an answer, without a word', async () => {
    follow();
    await watching();
    server.send({ type: 'ERROR', object: { code: 410, message: 'too old resource version' } });
    await until(() => lists() === 2);
    await watching();
    server.fault = onFirst({ status: 410 }, ({ query }) => query.has('watch'));
    server.endWatches('by reset');
    await until(
      () => lists() === 4 && server.watches === 1,
      () => server.seen.length,
    );
    expect(told).to.deep.equal([]);
  });

  it('does not hammer a server that forgets at once', async () => {
    server.oldest = Number.MAX_SAFE_INTEGER;
    follow();
    await until(() => lists() >= 4);
    const before = server.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(server.seen.length - before).to.be.below(12);
  });

  it('lists again when it has been long enough, though the watch is well', async () => {
    follow({ watchSeconds: 1, relistMs: 1 });
    await until(() => {
      // one that ends within relistMs is followed by another
      server.endWatches('cleanly');
      return lists() >= 2;
    });
  });

  it('waits as long as 429 asks', async () => {
    server.fault = onFirst({ status: 429, headers: { 'retry-after': '1' } });
    follow();
    await until(() => given.length === 1);
    const [first, second] = server.seen;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).to.be.at.least(990);
  });

  const failures: [string, Parameters<typeof setFault>[0], RegExp][] = [
    [
      '500',
      { status: 500, body: { message: 'etcdserver: leader changed' } },
      /500: etcdserver: leader changed/,
    ],
    ['503', { status: 503, body: 'apiserver is shutting down' }, /503: apiserver is shutting down/],
    ['a reset connection', 'reset', /cannot be reached \(.*(ECONNRESET|hang up)/],
    ['half an answer', 'half an answer', /cannot be reached \(.*aborted/],
    [
      'a proxy that answers in HTML',
      { status: 200, body: '<html>' },
      /cannot be used \(it is "<html>", not a list\)/,
    ],
    ['no answer', 'hang', /cannot be reached \(no answer within 0\.2 s\)/],
  ];
  function setFault(fault: ReturnType<ApiServer['fault']>) {
    server.fault = () => fault;
  }
  for (const [name, fault, words] of failures)
    it(`keeps what it has through ${name}, tells it once, and that it is over`, async () => {
      server.put(path, service('a'));
      follow({ listTimeoutMs: 200 });
      await watching();
      setFault(fault);
      server.endWatches('by reset');
      await until(
        () => lists() >= 4,
        () => server.seen.length,
      );
      expect(told).to.have.length(1);
      expect(told[0]).to.match(words);
      expect(given).to.deep.equal([['a']]);
      setFault(undefined);
      await until(
        () => told.length === 2,
        () => told,
      );
      expect(told[1]).to.equal(undefined);
    });

  it('catches up within two seconds of the return of a server that was away', async () => {
    server.put(path, service('a'));
    follow();
    await watching();
    await server.stop();
    await until(() => told.length === 1);
    expect(told[0]).to.match(/cannot be reached \(.*ECONNREFUSED/);
    const confirmedAtMs = followed?.confirmedAtMs;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(followed?.confirmedAtMs).to.equal(confirmedAtMs);
    server.put(path, service('b'));
    await server.start();
    const backAtMs = performance.now();
    await until(
      () => given.at(-1)?.join() === 'a,b',
      () => given,
    );
    expect(performance.now() - backAtMs).to.be.below(2_000);
  });

  it('breaks off a watch that is silent, and lists again', async () => {
    follow({ silenceMs: 100 });
    await until(() => lists() >= 2);
    expect(told).to.deep.equal([]);
  });

  it('does not call a server that has nothing to say one that cannot be reached', async () => {
    follow({ silenceMs: 100, stoodMs: 50 });
    await until(
      () => lists() >= 7,
      () => lists(),
    );
    expect(told.filter((message) => message !== undefined)).to.deep.equal([]);
  });

  it('tells of watches that get no answer, though lists do', async () => {
    server.put(path, service('a'));
    server.fault = ({ query }) => (query.has('watch') ? 'hang' : undefined);
    follow({ listTimeoutMs: 60, stoodMs: 30 });
    await until(
      () => told.length > 0,
      () => lists(),
    );
    expect(told[0]).to.match(/no answer within 0\.06 s/);
    expect(given).to.deep.equal([['a']]);
  });

  it('counts events and bookmarks as the word of the server that all is current', async () => {
    const { listedAtMs } = follow();
    expect(listedAtMs).to.equal(undefined);
    await watching();
    const before = followed?.confirmedAtMs ?? Infinity;
    server.bookmark();
    await until(() => (followed?.confirmedAtMs ?? 0) > before);
    expect(given).to.have.length(1);
  });

  it('says which verb on which resource is not allowed where, though lists are', async () => {
    server.fault = ({ query }) =>
      query.has('watch')
        ? { status: 403, body: { message: 'User "x" cannot watch resource "services"' } }
        : undefined;
    follow();
    await until(() => lists() >= 3);
    expect(told).to.have.length(1);
    expect(told[0]).to.match(
      /not allowed to watch services in namespace default \(403: User "x" cannot watch/,
    );
    expect(given).to.have.length(1);
  });

  it('names an expired token', async () => {
    server.fault = () => ({ status: 401, body: { message: 'Unauthorized' } });
    follow();
    await until(() => told.length === 1);
    expect(told[0]).to.match(/does not accept this pod's token \(401: Unauthorized\)/);
  });

  it('lists when it is asked to', async () => {
    follow();
    await watching();
    followed?.refresh();
    await until(() => lists() === 2 && server.watches === 1);
    expect(told).to.deep.equal([]);
  });

  it('stops while it waits for an answer', async () => {
    server.fault = () => 'hang';
    follow();
    await until(() => server.seen.length === 1);
    await followed?.stop();
    expect(given).to.deep.equal([]);
    expect(told).to.deep.equal([]);
  });
});

function onFirst(fault: Fault, concerns: (seen: Seen) => boolean = () => true): ApiServer['fault'] {
  let left = 1;
  return (seen) => (concerns(seen) && left-- > 0 ? fault : undefined);
}
