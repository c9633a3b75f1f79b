import { expect } from 'chai';
import fc from 'fast-check';
import { createRib, type Rib } from '../../../../bgp-sidecar/exabgp/rib.ts';
import type { Route } from '../../../../bgp-sidecar/speaker.ts';

const prefixes = ['203.0.113.0/28', '203.0.113.16/28', '203.0.113.32/28'];
const route = (prefix: string, localPreference = 100, nextHop = '10.0.0.1'): Route => ({
  prefix,
  nextHop,
  kind: localPreference === 0 ? 'last-resort' : 'announced',
  localPreference,
  communities: [],
});
const [a = '', b = ''] = prefixes;

function tellAll(rib: Rib): string[] {
  const commands: string[] = [];
  for (let step = rib.steps()[0]; step !== undefined; step = rib.steps()[0]) {
    rib.sending(step);
    rib.accepted(step);
    commands.push(step.command);
  }
  return commands;
}

describe('rib', () => {
  it('withdraws before it announces', () => {
    const rib = createRib();
    rib.want([route(a)]);
    tellAll(rib);
    rib.want([route(b)]);
    expect(tellAll(rib)).to.deep.equal([
      `withdraw route ${a}`,
      `announce route ${b} next-hop 10.0.0.1 local-preference 100`,
    ]);
  });

  it('says nothing twice, and everything again when it is in doubt', () => {
    const rib = createRib();
    rib.want([route(a)]);
    tellAll(rib);
    rib.want([route(a)]);
    expect(tellAll(rib)).to.deep.equal([]);
    rib.doubtAll();
    expect(tellAll(rib)).to.have.length(1);
  });

  it('a prefix is withdrawn only when no established peer has it any more', () => {
    const rib = createRib();
    rib.up('peer');
    rib.want([route(a)]);
    tellAll(rib);
    expect(rib.untold()).to.match(/was not told 203.0.113.0\/28/);
    rib.sent('peer', [route(a)], []);
    expect(rib.untold()).to.equal(undefined);
    rib.want([]);
    tellAll(rib);
    expect(rib.prefixes()).to.deep.equal({ [a]: 'announced' });
    expect(rib.untold()).to.match(/is withdrawn/);
    rib.sent('peer', [], [a]);
    expect(rib.prefixes()).to.deep.equal({ [a]: 'withdrawn' });
    expect(rib.untold()).to.equal(undefined);
  });

  it('a command on its way when the helper dies is undone or done again', () => {
    const rib = createRib();
    rib.want([route(a)]);
    const step = rib.steps()[0];
    if (step !== undefined) rib.sending(step);
    rib.doubtAll();
    rib.want([]);
    expect(tellAll(rib)).to.deep.equal([`withdraw route ${a}`]);
  });

  it('a withdrawal that ExaBGP took and did not send is not forgotten by saying everything again', () => {
    const rib = createRib();
    rib.up('peer');
    rib.want([route(a)]);
    tellAll(rib);
    rib.sent('peer', [route(a)], []);
    rib.want([]);
    tellAll(rib);
    rib.doubtAll();
    expect(tellAll(rib)).to.deep.equal([`withdraw route ${a}`]);
    expect(rib.untold(), 'an ack is no proof').to.match(/is withdrawn/);
    expect(rib.prefixes()).to.deep.equal({ [a]: 'announced' });
    rib.sent('peer', [], [a]);
    expect(rib.untold()).to.equal(undefined);
  });

  it('whatever happens, once all is told ExaBGP and the peers have what is wanted', () => {
    const set = fc.uniqueArray(
      fc.record({
        prefix: fc.constantFrom(...prefixes),
        localPreference: fc.constantFrom(0, 100),
        nextHop: fc.constantFrom('10.0.0.1', '10.0.0.2'),
      }),
      { selector: ({ prefix }) => prefix },
    );
    const event = fc.oneof(
      fc.record({ kind: fc.constant('want' as const), routes: set }),
      fc.constantFrom(
        { kind: 'step' as const },
        { kind: 'unacknowledged' as const },
        { kind: 'unsent' as const },
        { kind: 'doubt' as const },
        { kind: 'restart' as const },
        { kind: 'up' as const },
        { kind: 'down' as const },
      ),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 50 }), (events) => {
        const rib = createRib();
        // a model of ExaBGP: its table, and what its peer really has
        const table = new Map<string, Route>();
        const peer = new Map<string, Route>();
        let isUp = false;
        const update = (announced: Route[], withdrawn: string[]) => {
          if (!isUp) return;
          for (const each of announced) peer.set(each.prefix, each);
          for (const prefix of withdrawn) peer.delete(prefix);
          rib.sent('peer', announced, withdrawn);
        };
        const carryOut = (lost?: 'unacknowledged' | 'unsent') => {
          const [step] = rib.steps();
          if (step === undefined) return false;
          rib.sending(step);
          if (step.route === undefined) table.delete(step.prefix);
          else table.set(step.prefix, step.route);
          if (lost !== 'unacknowledged') rib.accepted(step);
          if (lost !== 'unsent') update(step.route ? [step.route] : [], step.route ? [] : [step.prefix]);
          return true;
        };
        const endSession = () => {
          isUp = false;
          peer.clear();
        };
        let wanted: Route[] = [];
        for (const each of events) {
          if (each.kind === 'want') {
            wanted = each.routes.map(({ prefix, localPreference, nextHop }) =>
              route(prefix, localPreference, nextHop),
            );
            rib.want(wanted);
          } else if (each.kind === 'step') carryOut();
          else if (each.kind === 'doubt') rib.doubtAll();
          else if (each.kind === 'restart') {
            table.clear();
            endSession();
            rib.forgetAll();
          } else if (each.kind === 'up') {
            endSession();
            isUp = true;
            rib.up('peer');
            update([...table.values()], []);
          } else if (each.kind === 'down') {
            endSession();
            rib.down('peer');
          } else carryOut(each.kind);
        }
        while (carryOut());
        if (rib.untold() !== undefined) {
          rib.doubtAll();
          while (carryOut());
          // "flush adj-rib out"
          update([...table.values()], []);
        }
        expect(rib.untold()).to.equal(undefined);
        expect([...table.values()]).to.have.deep.members(wanted);
        if (isUp) expect([...peer.values()]).to.have.deep.members(wanted);
        const states = Object.fromEntries(
          Object.entries(rib.prefixes()).filter(([, kind]) => kind !== 'withdrawn'),
        );
        expect(states).to.deep.equal(Object.fromEntries(wanted.map(({ prefix, kind }) => [prefix, kind])));
      }),
      { numRuns: 2_000 },
    );
  });
});
