import { expect } from 'chai';
import type { EventText, ObjectRef } from '../../../../common/kubernetes/events.ts';
import { createServiceEvents, type ServiceFacts } from '../../../../controller/cluster/service-events.ts';

const prefix = '203.0.113.0/28';

function setUp() {
  const recorded: (EventText & { about: string })[] = [];
  const events = createServiceEvents('lb-1', (regarding: ObjectRef, event) =>
    recorded.push({ ...event, about: `${regarding.kind} ${regarding.name} ${regarding.uid}` }),
  );
  const facts: ServiceFacts = {
    service: { metadata: { name: 'web', namespace: 'default', uid: 'u1' } },
    prefixes: undefined,
    reason: 'rules verified',
    stopping: false,
    refused: [],
    notes: [],
  };
  return {
    tell: (more: Partial<ServiceFacts>) => events.tell({ ...facts, ...more }),
    reasons: () => recorded.map(({ reason }) => reason),
    recorded,
  };
}

describe("a Service's Events", () => {
  it('are one for each transition of what is announced, however often it is looked at', () => {
    const { tell, reasons, recorded } = setUp();
    tell({ prefixes: { [prefix]: 'withdrawn' } });
    for (const state of ['announced', 'last-resort', 'announced', 'withdrawn', 'announced'] as const)
      for (let look = 0; look < 3; look++)
        tell({ prefixes: { [prefix]: state }, reason: state === 'withdrawn' ? 'no live server' : '' });
    expect(reasons()).to.deep.equal(['Announced', 'LastResort', 'Recovered', 'Withdrawn', 'Announced']);
    expect(recorded[0]).to.deep.equal({
      type: 'Normal',
      reason: 'Announced',
      note: 'LB pod lb-1 announces 203.0.113.0/28',
      about: 'Service web u1',
    });
    expect(recorded[3]).to.include({
      type: 'Warning',
      note: 'LB pod lb-1 has withdrawn 203.0.113.0/28: no live server',
    });
  });

  it('name all prefixes of a transition in one', () => {
    const { tell, recorded } = setUp();
    tell({ prefixes: { [prefix]: 'announced', '198.51.100.0/28': 'announced' } });
    expect(recorded.map(({ note }) => note)).to.deep.equal([
      'LB pod lb-1 announces 198.51.100.0/28, 203.0.113.0/28',
    ]);
  });

  it('take a prefix that the sidecar no longer names for withdrawn, and its silence for nothing', () => {
    const { tell, reasons, recorded } = setUp();
    tell({ prefixes: { [prefix]: 'announced' } });
    tell({ prefixes: undefined });
    expect(reasons()).to.deep.equal(['Announced']);
    tell({ prefixes: {}, stopping: true });
    expect(recorded.at(-1)).to.deep.include({ reason: 'Withdrawn', type: 'Normal' });
    expect(recorded.at(-1)?.note).to.match(/the pod is stopping/);
  });

  it('tell what is refused, each once, and when all is taken up again', () => {
    const { tell, reasons, recorded } = setUp();
    tell({ refused: ['scheduler: no such'] });
    tell({ refused: ['scheduler: no such', 'the template'] });
    tell({ refused: ['the template'] });
    tell({ refused: [] });
    tell({ refused: [] });
    expect(reasons()).to.deep.equal(['Refused', 'Refused', 'Recovered']);
    expect(recorded[0]?.note).to.equal('LB pod lb-1: scheduler: no such');
  });

  it('stand beside the object that a note is about', () => {
    const { tell, recorded } = setUp();
    const other = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'shop', uid: 'u2' };
    const notes = [
      { code: 'EXTERNAL_IP_REFUSED', message: 'an address', event: 'service' as const },
      { code: 'SERVICE_REFUSED', message: 'a second one', event: other },
      { code: 'PORT_WITHOUT_ENDPOINTS', message: 'for the log alone' },
    ];
    tell({ notes });
    tell({ notes });
    expect(recorded.map(({ about, note }) => [about, note])).to.deep.equal([
      ['Service web u1', 'an address'],
      ['Service shop u2', 'a second one'],
    ]);
  });

  it('wait for a Service to stand beside', () => {
    const { tell, reasons } = setUp();
    tell({ service: undefined, prefixes: { [prefix]: 'announced' } });
    expect(reasons()).to.deep.equal([]);
    tell({ prefixes: { [prefix]: 'announced' } });
    expect(reasons()).to.deep.equal(['Announced']);
  });
});
