import { expect } from 'chai';
import type { KubernetesClient, KubernetesRequest } from '../../../common/kubernetes/client.ts';
import { createLogger } from '../../../common/log.ts';
import { removeEverywhere } from '../../../node-router/remove-everywhere.ts';

const timing = { lookMs: 1, deadlineMs: 100 };

function daemonSet(updatedNumberScheduled: number, numberReady: number, observedGeneration = 2): object {
  return {
    metadata: { generation: 2 },
    spec: { selector: { matchLabels: { app: 'node-router' } } },
    status: { observedGeneration, desiredNumberScheduled: 3, updatedNumberScheduled, numberReady },
  };
}

function pod(nodeName: string, args: string[], ready: 'True' | 'False'): object {
  return {
    spec: { nodeName, containers: [{ name: 'node-router', args }] },
    status: { conditions: [{ type: 'Ready', status: ready }] },
  };
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

  /** Answers PATCH with `status`, then GET of the DaemonSet by one state after another, the last one for ever. */
  function api(status: number, states: object[], pods: object[] = []): KubernetesClient {
    return {
      server: 'https://api',
      async request(request) {
        asked.push(request);
        if (request.method === 'PATCH')
          return { status, headers: {}, body: status === 200 ? states[0] : { message: 'forbidden' } };
        if (request.path.endsWith('/pods')) return { status: 200, headers: {}, body: { items: pods } };
        return { status: 200, headers: {}, body: states.length > 1 ? states.shift() : states[0] };
      },
      stream: () => Promise.reject(new Error('not asked for')),
    };
  }

  it('restarts the pods as ones that remove, and waits until all nodes have done so', async () => {
    // ready pods of before are no sign that a route is gone
    const states = [daemonSet(0, 3, 1), daemonSet(0, 3), daemonSet(2, 1), daemonSet(3, 2), daemonSet(3, 3)];
    expect(await removeEverywhere(api(200, states), 'lb/node-router', log, timing)).to.equal(0);
    expect(asked[0]).to.include({
      method: 'PATCH',
      path: '/apis/apps/v1/namespaces/lb/daemonsets/node-router',
      contentType: 'application/strategic-merge-patch+json',
    });
    expect(JSON.stringify(asked[0]?.body)).to.include('["--remove-routes","--stay"]');
    const said = lines.join('');
    for (const words of ['0 of 3 nodes', '1 of 3 nodes', '2 of 3 nodes', 'no node has a route'])
      expect(said).to.include(words);
  });

  it('names the nodes that did not, and what to do', async () => {
    const pods = [
      pod('node-1', ['--remove-routes', '--stay'], 'True'),
      pod('node-2', ['--remove-routes', '--stay'], 'False'),
      pod('node-3', [], 'True'),
    ];
    const removal = removeEverywhere(api(200, [daemonSet(2, 2)], pods), 'lb/node-router', log, timing);
    const message = await removal.then(
      () => 'nothing',
      (error: Error) => error.message,
    );
    expect(message).to.include('on 2 nodes: node-2, node-3').and.include('ip route flush proto 142');
  });

  it('has nothing to do where there is no DaemonSet, and says what it may not', async () => {
    expect(await removeEverywhere(api(404, [{}]), 'lb/node-router', log, timing)).to.equal(0);
    const refused = await removeEverywhere(api(403, [{}]), 'lb/node-router', log, timing).catch(String);
    expect(refused).to.include('403: forbidden').and.include('get and patch');
  });
});
