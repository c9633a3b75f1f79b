import { expect } from 'chai';
import fc from 'fast-check';
import { overlaps } from '../../../../common/cidr.ts';
import { type LbPod, podStates } from '../../../../node-router/core/types.ts';
import { computeWanted, findHolders } from '../../../../node-router/core/wanted.ts';
import { lbPod, prefixOf } from './builders.ts';
import { guard, own } from './model.ts';

const none = new Map<string, string>();
const nexthops = (pods: LbPod[]) => computeWanted(pods, none).routes[0]?.nexthops;

const anyPod: fc.Arbitrary<LbPod> = fc
  .record({
    address: fc.integer({ min: 2, max: 250 }).map((host) => `10.42.1.${host}`),
    owner: fc.constantFrom('default/a', 'default/b', 'other/a'),
    state: fc.constantFrom(...podStates),
    createdAtMs: fc.integer({ min: 0, max: 3 }),
    prefixes: fc.uniqueArray(fc.constantFrom('203.0.113.0/28', '203.0.113.0/29', '203.0.113.16/28'), {
      minLength: 1,
    }),
  })
  .map(lbPod);
const anyPods = fc.uniqueArray(anyPod, { selector: (pod) => pod.address, maxLength: 12 });

describe('node router: one route per prefix', () => {
  it('leads to all ready pods, by number, and to no other', () => {
    expect(
      nexthops([
        lbPod({ address: '10.42.1.10' }),
        lbPod({ address: '10.42.1.9' }),
        lbPod({ address: '10.42.1.3', state: 'terminating' }),
        lbPod({ address: '10.42.1.4', state: 'starting' }),
      ]),
    ).to.deep.equal(['10.42.1.9', '10.42.1.10']);
  });

  it('leads to those terminating if none is ready, to those starting if there is nothing else', () => {
    const terminating = lbPod({ address: '10.42.1.3', state: 'terminating' });
    const starting = lbPod({ address: '10.42.1.4', state: 'starting' });
    expect(nexthops([starting, terminating])).to.deep.equal(['10.42.1.3']);
    expect(nexthops([starting])).to.deep.equal(['10.42.1.4']);
  });

  it('gives a prefix that two services claim to the one with the older pod, and tells both', () => {
    const { routes, notes } = computeWanted(
      [
        lbPod({ address: '10.42.1.3', owner: 'default/new', createdAtMs: 20 }),
        lbPod({ address: '10.42.1.2', owner: 'default/old', createdAtMs: 10 }),
      ],
      none,
    );
    expect(routes).to.deep.equal([
      { prefix: '203.0.113.0/28', owner: 'default/old', state: 'ready', nexthops: ['10.42.1.2'] },
    ]);
    expect(notes.map((note) => note.message)).to.satisfy((messages: string[]) =>
      ['service default/new gets no route', 'service default/old keeps'].every((words) =>
        messages.some((message) => message.startsWith(words)),
      ),
    );
  });

  it('leaves it with who has it, though the older pod is gone in a roll-out', () => {
    const { routes } = computeWanted(
      [
        lbPod({ address: '10.42.1.5', owner: 'default/old', createdAtMs: 30 }),
        lbPod({ address: '10.42.1.3', owner: 'default/new', createdAtMs: 20 }),
      ],
      new Map([['203.0.113.0/28', 'default/old']]),
    );
    expect(routes[0]?.owner).to.equal('default/old');
  });

  it('knows from the routes of a former run who has a prefix', () => {
    const pods = [
      lbPod({ address: '10.42.1.5', owner: 'default/old', createdAtMs: 30 }),
      lbPod({ address: '10.42.1.3', owner: 'default/new', createdAtMs: 20 }),
    ];
    const held = [guard('203.0.113.0/28'), own('203.0.113.0/28', ['10.42.1.4', '10.42.1.5'])];
    const holders = findHolders(held, pods);
    expect([...holders]).to.deep.equal([['203.0.113.0/28', 'default/old']]);
    expect(computeWanted(pods, holders).routes[0]?.owner).to.equal('default/old');
    expect([...findHolders([own('203.0.113.16/28', ['10.42.1.5'])], pods)]).to.deep.equal([]);
  });

  it('tells each service about its own pods', () => {
    const { notes } = computeWanted(
      [
        lbPod({ address: '10.42.1.2', owner: 'default/old', createdAtMs: 10 }),
        lbPod({ address: '10.42.1.3', owner: 'default/new', createdAtMs: 20 }),
        lbPod({ address: '10.42.1.4', owner: 'default/new', createdAtMs: 20 }),
      ],
      none,
    );
    const told = notes.map(({ message, pods }) => [message.split(' ')[1], pods?.map(({ name }) => name)]);
    expect(told).to.deep.equal([
      ['default/new', ['pod-10.42.1.3', 'pod-10.42.1.4']],
      ['default/old', ['pod-10.42.1.2']],
    ]);
  });

  it("does not let a service take a part of another's prefix", () => {
    const { routes } = computeWanted(
      [
        lbPod({ owner: 'default/old', createdAtMs: 1 }),
        lbPod({ address: '10.42.1.3', owner: 'default/new', createdAtMs: 2, prefixes: ['203.0.113.8/29'] }),
      ],
      none,
    );
    expect(routes.map((route) => route.prefix)).to.deep.equal(['203.0.113.0/28']);
  });

  it('is the same whatever the order of the pods', () => {
    fc.assert(
      fc.property(
        anyPods.chain((pods) =>
          fc.tuple(fc.constant(pods), fc.shuffledSubarray(pods, { minLength: pods.length })),
        ),
        ([pods, shuffled]) => {
          const [a, b] = [computeWanted(pods, none), computeWanted(shuffled, none)];
          expect(a.routes).to.deep.equal(b.routes);
          expect(new Set(a.notes.map((n) => n.message))).to.deep.equal(
            new Set(b.notes.map((n) => n.message)),
          );
        },
      ),
    );
  });

  it('never routes a prefix to pods of two services, nor of two states, nor twice', () => {
    fc.assert(
      fc.property(anyPods, (pods) => {
        const { routes } = computeWanted(pods, none);
        const byAddress = new Map(pods.map((pod) => [pod.address, pod]));
        for (const route of routes) {
          expect(route.nexthops).to.not.be.empty;
          expect(new Set(route.nexthops).size).to.equal(route.nexthops.length);
          for (const address of route.nexthops) {
            expect(byAddress.get(address)).to.include({ owner: route.owner, state: route.state });
          }
          const others = routes.filter((other) => other.owner !== route.owner);
          for (const other of others) {
            expect(overlaps(prefixOf(other.prefix), prefixOf(route.prefix))).to.equal(false);
          }
        }
      }),
    );
  });

  it('routes every prefix that is claimed by one service only', () => {
    fc.assert(
      fc.property(anyPods, (pods) => {
        const same = pods.map((pod) => ({ ...pod, owner: 'default/a' }));
        const claimed = new Set(same.flatMap((pod) => pod.prefixes.map((prefix) => prefix.text)));
        expect(new Set(computeWanted(same, none).routes.map((route) => route.prefix))).to.deep.equal(claimed);
      }),
    );
  });
});
