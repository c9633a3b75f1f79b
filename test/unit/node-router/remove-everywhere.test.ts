import { expect } from 'chai';
import type { KubernetesClient, KubernetesRequest } from '../../../common/kubernetes/client.ts';
import { createLogger } from '../../../common/log.ts';
import { removeEverywhere } from '../../../node-router/remove-everywhere.ts';

const timing = { lookMs: 1, deadlineMs: 100 };

function daemonSet(observedGeneration = 2): object {
  return {
    metadata: { generation: 2 },
    spec: { selector: { matchLabels: { app: 'node-router', tier: 'node' } } },
    status: { observedGeneration, desiredNumberScheduled: 3 },
  };
}

type State = 'old' | 'leaving' | 'removing' | 'removed';

/** One pod on each of the nodes. */
function pods(...states: State[]): object[] {
  return states.map((state, index) => ({
    metadata: state === 'leaving' ? { deletionTimestamp: '2026-11-21T10:00:00Z' } : {},
    spec: {
      nodeName: `node-${index + 1}`,
      containers: [
        { name: 'node-router', args: state === 'old' ? [] : ['--remove-routes', '--stay'] },
        { name: 'other' },
      ],
    },
    status: { conditions: [{ type: 'Ready', status: state === 'removing' ? 'False' : 'True' }] },
  }));
}

describe('node router: removing the routes of every node', () => {
  let asked: KubernetesRequest[];
  let lines: string[];
  const log = createLogger({
    program: 'node-router',
    format: 'json',
    stream: { write: (line) => lines.push(line) },
  });
  beforeEach(() => {
    asked = [];
    lines = [];
  });

  interface Answers {
    patch?: (number | Error)[];
    sets?: object[];
    pods?: object[][];
  }

  /** One answer after another, the last one for ever. */
  function api({ patch = [200], sets = [daemonSet()], pods: lists = [[]] }: Answers): KubernetesClient {
    const next = <T>(all: T[]) => (all.length > 1 ? all.shift() : all[0]) as T;
    return {
      server: 'https://api',
      async request(request) {
        asked.push(request);
        if (request.method === 'PATCH') {
          const status = next(patch);
          if (status instanceof Error) throw status;
          return { status, headers: {}, body: { message: 'words' } };
        }
        const body = request.path.endsWith('/pods') ? { items: next(lists) } : next(sets);
        return { status: 200, headers: {}, body };
      },
      stream: () => Promise.reject(new Error('not asked for')),
    };
  }
  const remove = (answers: Answers) => removeEverywhere(api(answers), 'lb/node-router', log, timing);
  const refusal = (answers: Answers) =>
    remove(answers).then(
      () => 'nothing',
      (error: Error) => error.message,
    );

  it('has the pods start anew as ones that remove, and waits until there is one on every node', async () => {
    const code = await remove({
      sets: [daemonSet(1), daemonSet()],
      // ready pods of before, and those on their way out, are no sign that a route is gone
      pods: [
        pods('old', 'old', 'old'),
        pods('removed', 'old'),
        pods('removed', 'removing', 'leaving'),
        pods('removed', 'removed'),
        pods('removed', 'removed', 'removed'),
      ],
    });
    expect(code).to.equal(0);
    expect(asked[0]).to.include({
      method: 'PATCH',
      path: '/apis/apps/v1/namespaces/lb/daemonsets/node-router',
      contentType: 'application/strategic-merge-patch+json',
    });
    expect(JSON.stringify(asked[0]?.body)).to.include('["--remove-routes","--stay"]');
    expect(asked.at(-1)?.query).to.deep.equal({ labelSelector: 'app=node-router,tier=node' });
    const counts = lines.join('').match(/\d of 3 nodes/g);
    expect(counts).to.deep.equal(['0 of 3 nodes', '1 of 3 nodes', '2 of 3 nodes', '3 of 3 nodes']);
  });

  it('asks again when the API server does not answer, or not well', async () => {
    const patch = [new Error('connect ECONNREFUSED'), 503, 200];
    expect(await remove({ patch, pods: [pods('removed', 'removed', 'removed')] })).to.equal(0);
    expect(lines.join('')).to.include('ECONNREFUSED').and.include('503: words');
  });

  it('names the nodes that did not, and what to do', async () => {
    const message = await refusal({ pods: [pods('removed', 'removing', 'old')] });
    expect(message)
      .to.include('left on node-2, node-3 (1 of 3 nodes')
      .and.include('ip route flush proto 142');
    expect(await refusal({ patch: [new Error('timeout')] })).to.include('left on any node (timeout');
  });

  it('has nothing to do where there is no DaemonSet, and says what it may not', async () => {
    expect(await remove({ patch: [404] })).to.equal(0);
    expect(await refusal({ patch: [403] }))
      .to.include('403: words')
      .and.include('get and patch');
  });
});
