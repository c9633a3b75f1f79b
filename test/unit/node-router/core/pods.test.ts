import { expect } from 'chai';
import { readPods, type Scope } from '../../../../node-router/core/pods.ts';
import { type PodFacts, podOf, scope } from './builders.ts';

const read = (facts: PodFacts, changed: Partial<Scope> = {}) =>
  readPods([podOf(facts)], { ...scope, ...changed });

describe('node router: which pods a route may lead to', () => {
  it('takes a ready pod of this node with its prefixes, address, service and age', () => {
    const { pods, notes } = read({
      service: 'web',
      prefixes: ' 203.0.113.0/28, 198.51.100.4/30,',
      created: '2026-11-21T09:00:00Z',
    });
    expect(notes).to.deep.equal([]);
    expect(pods).to.have.length(1);
    expect(pods[0]).to.deep.include({
      ref: { namespace: 'default', name: 'web-a' },
      owner: 'default/web',
      address: '10.42.1.2',
      state: 'ready',
      createdAtMs: Date.parse('2026-11-21T09:00:00Z'),
    });
    expect(pods[0]?.prefixes.map((prefix) => prefix.text)).to.deep.equal([
      '203.0.113.0/28',
      '198.51.100.4/30',
    ]);
  });

  it('tells Services of one name in other namespaces apart, within the namespace of their LB pods', () => {
    const lbPod = (elsewhere: string) => {
      const pod = podOf({ service: 'web' });
      Object.assign(pod.metadata?.annotations ?? {}, { 'portable-lb/service-namespace': elsewhere });
      return pod;
    };
    const { pods } = readPods([lbPod('shop'), lbPod('bank')], scope);
    expect(pods.map(({ owner }) => owner)).to.deep.equal(['default/shop/web', 'default/bank/web']);
  });

  it('leaves pods of other nodes, takes those that name none', () => {
    expect(read({ nodeName: 'node-2' }).pods).to.deep.equal([]);
    expect(read({ nodeName: undefined }).pods).to.have.length(1);
  });

  it('leaves pods without the annotation, without an address, and those whose containers have ended', () => {
    const plain = podOf();
    delete plain.metadata?.annotations;
    expect(readPods([plain], scope)).to.deep.equal({ pods: [], notes: [] });
    expect(read({ podIP: '' })).to.deep.equal({ pods: [], notes: [] });
    expect(read({ phase: 'Failed' })).to.deep.equal({ pods: [], notes: [] });
    expect(read({ phase: 'Succeeded', terminating: true })).to.deep.equal({ pods: [], notes: [] });
  });

  it('counts a pod that is terminating and ready as terminating', () => {
    expect(read({ terminating: true, ready: true }).pods[0]?.state).to.equal('terminating');
    expect(read({ terminating: true, ready: false }).pods[0]?.state).to.equal('terminating');
    expect(read({ ready: false }).pods[0]?.state).to.equal('starting');
  });

  it("looks at a pod's first 64 prefixes, and shows no more than a line of one", () => {
    const many = Array.from({ length: 200 }, (_, host) => `203.0.113.${host}/32`).join(',');
    const { pods, notes } = read({ prefixes: many });
    expect(pods[0]?.prefixes).to.have.length(64);
    expect(notes.map(({ message }) => message).join()).to.contain('has 200 prefixes');
    const [long] = read({ prefixes: `${'9'.repeat(100_000)},203.0.113.16/28` }).notes;
    expect(long?.message.length).to.be.below(300);
  });

  for (const [asked, words] of [
    ['192.168.0.0/24', 'is not inside allowedPrefixes (203.0.113.0/24, 198.51.100.0/28)'],
    ['203.0.112.0/23', 'is not inside allowedPrefixes'],
    ['203.0.113.1/28', 'has host bits set'],
    ['2001:db8::/64', 'is IPv6'],
    ['web', 'is not an IP prefix'],
  ] as const) {
    it(`refuses ${asked} by name and keeps the pod's other prefix`, () => {
      const { pods, notes } = read({ prefixes: `${asked},203.0.113.16/28` });
      expect(pods[0]?.prefixes.map((prefix) => prefix.text)).to.deep.equal(['203.0.113.16/28']);
      expect(notes).to.have.length(1);
      expect(notes[0]?.message).to.include('pod default/web-a').and.include(`"${asked}"`).and.include(words);
    });
  }

  it("refuses a prefix that holds the node's or the pod's own address", () => {
    const node = read({}, { nodeAddress: '203.0.113.1' });
    expect(node.pods).to.deep.equal([]);
    expect(node.notes[0]?.message).to.include("the node's own address 203.0.113.1");
    const pod = read({ podIP: '203.0.113.2' });
    expect(pod.pods).to.deep.equal([]);
    expect(pod.notes[0]?.message).to.include("the pod's own address 203.0.113.2");
  });

  it("refuses pods in the node's own network", () => {
    for (const facts of [{ hostNetwork: true }, { podIP: scope.nodeAddress }]) {
      expect(read(facts).pods).to.deep.equal([]);
      expect(read(facts).notes[0]?.message).to.include('hostNetwork');
    }
  });

  it('takes pods of the allowed namespaces only, where they are named', () => {
    const { pods, notes } = read({ namespace: 'guest' }, { allowedNamespaces: ['lb', 'default'] });
    expect(pods).to.deep.equal([]);
    expect(notes[0]?.message).to.equal(
      'pod guest/web-a: gets no route, namespace guest is not among allowedNamespaces (lb, default)',
    );
    expect(read({}, { allowedNamespaces: ['lb', 'default'] }).pods).to.have.length(1);
  });

  it('takes the IPv4 address of a dual-stack pod, refuses a pod that has none', () => {
    const dual = podOf({ podIP: '2001:db8::7' });
    if (dual.status) dual.status.podIPs = [{ ip: '2001:db8::7' }, { ip: '10.42.1.9' }];
    expect(readPods([dual], scope).pods[0]?.address).to.equal('10.42.1.9');
    expect(read({ podIP: '2001:db8::7' }).notes[0]?.message).to.include('"2001:db8::7" is not IPv4');
  });
});
