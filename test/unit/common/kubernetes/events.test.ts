import { expect } from 'chai';
import { createClient } from '../../../../common/kubernetes/client.ts';
import { createEventRecorder, type EventRecorder } from '../../../../common/kubernetes/events.ts';
import { ApiServer, until } from './api-server.ts';

const path = '/apis/events.k8s.io/v1/namespaces/default/events';
const web = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web', uid: 'u1' };
const announced = {
  type: 'Normal',
  reason: 'Announced',
  note: 'LB pod lb-1 announces 203.0.113.0/28',
} as const;

describe('event recorder', () => {
  let server: ApiServer;
  let recorder: EventRecorder;
  let failures: (string | undefined)[];
  let nowMs: number;

  beforeEach(async () => {
    server = await new ApiServer().start();
    failures = [];
    nowMs = Date.UTC(2026, 10, 21, 12, 0, 0, 123);
    recorder = createEventRecorder({
      client: createClient({ server: server.url, options: async () => ({}) }),
      component: 'portable-lb/controller',
      instance: 'lb-1',
      onFailure: (problem) => failures.push(problem?.message),
      nowMs: () => nowMs,
    });
  });
  afterEach(async () => {
    await recorder.close(0);
    await server.stop();
  });

  it('writes what kubectl describe shows', async () => {
    recorder.record(web, announced);
    await recorder.close(2_000);
    const [event] = server.list(path);
    expect(event).to.deep.include({
      ...announced,
      regarding: web,
      action: 'Announced',
      reportingController: 'portable-lb/controller',
      reportingInstance: 'lb-1',
      eventTime: '2026-11-21T12:00:00.123000Z',
    });
    expect(event?.metadata?.name).to.match(/^web\.[0-9a-f]{16}$/);
    expect(event?.metadata?.namespace).to.equal('default');
  });

  it('counts the same text again, until ten minutes have passed, and after the Event was deleted', async () => {
    recorder.record(web, announced);
    nowMs += 60_000;
    recorder.record(web, announced);
    recorder.record({ ...web, uid: 'u2' }, announced);
    await until(() => server.seen.length === 3);
    expect(server.list(path)).to.have.length(2);
    expect(server.list(path)[0]?.series).to.deep.equal({
      count: 2,
      lastObservedTime: '2026-11-21T12:01:00.123000Z',
    });
    server.forget(path, server.list(path)[0]?.metadata?.name ?? '');
    recorder.record(web, announced);
    await until(() => server.list(path).length === 2);
    nowMs += 601_000;
    recorder.record(web, announced);
    await until(() => server.list(path).length === 3);
  });

  it('cuts off a burst about one object, not about others', async () => {
    for (let n = 0; n < 30; n++) recorder.record(web, { ...announced, note: `note ${n}` });
    recorder.record({ ...web, name: 'shop' }, announced);
    await recorder.close(5_000);
    expect(server.list(path)).to.have.length(11);
  });

  it('waits for an API server that is away, and says so once', async () => {
    server.fault = () => ({ status: 503, body: { message: 'starting' } });
    recorder.record(web, announced);
    await until(() => server.seen.length >= 3);
    expect(failures).to.have.length(1);
    expect(failures[0]).to.match(
      /did not create events\.events\.k8s\.io in namespace default: 503: starting/,
    );
    server.fault = () => undefined;
    await until(() => server.list(path).length === 1);
    await until(() => failures.length === 2);
  });

  it('gives up at once what it has no right to', async () => {
    server.fault = () => ({ status: 403, body: { message: 'cannot create resource "events"' } });
    recorder.record(web, announced);
    await until(() => failures.length === 1);
    expect(failures[0]).to.match(/not allowed to create events\.events\.k8s\.io in namespace default/);
    server.fault = () => undefined;
    recorder.record(web, { ...announced, note: 'another' });
    await until(() => server.list(path).length === 1);
    expect(server.seen).to.have.length(2);
  });

  it('does not hold up the end', async () => {
    server.fault = () => 'hang';
    recorder.record(web, announced);
    await until(() => server.seen.length === 1);
    const fromMs = performance.now();
    await recorder.close(50);
    expect(performance.now() - fromMs).to.be.below(1_000);
  });
});
