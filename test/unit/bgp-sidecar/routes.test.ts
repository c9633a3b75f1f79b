import { expect } from 'chai';
import { makeRoutes } from '../../../bgp-sidecar/routes.ts';

const identity = { podIP: '10.244.1.7', nodeIP: '10.0.0.11' };
const settings = { nextHop: 'nodeIP' as const, communities: ['64512:100', '64512:100'] };

describe('routes', () => {
  it('are announced with LOCAL_PREF 100, the next-hop of the settings and each community once', () => {
    expect(makeRoutes({ '203.0.113.0/28': 'announced' }, settings, identity).routes).to.deep.equal([
      {
        prefix: '203.0.113.0/28',
        nextHop: '10.0.0.11',
        kind: 'announced',
        localPreference: 100,
        communities: ['64512:100'],
      },
    ]);
    const nextHopOf = (nextHop: 'podIP' | string) =>
      makeRoutes({ '203.0.113.0/28': 'announced' }, { ...settings, nextHop }, identity).routes[0]?.nextHop;
    expect(nextHopOf('podIP')).to.equal('10.244.1.7');
    expect(nextHopOf('192.0.2.9')).to.equal('192.0.2.9');
  });

  it('of a last resort have LOCAL_PREF 0 and GRACEFUL_SHUTDOWN; a withdrawn prefix has none', () => {
    const { routes } = makeRoutes(
      { '203.0.113.0/28': 'last-resort', '203.0.113.16/28': 'withdrawn' },
      settings,
      identity,
    );
    expect(routes).to.have.length(1);
    expect(routes[0]).to.deep.include({ localPreference: 0, communities: ['64512:100', '65535:0'] });
  });

  it('are refused for what is no prefix, since the text goes into a command', () => {
    const { routes, refused } = makeRoutes(
      { '203.0.113.0/28 next-hop 6.6.6.6\nwithdraw': 'announced' },
      settings,
      identity,
    );
    expect(routes).to.deep.equal([]);
    expect(refused.map(({ code }) => code)).to.deep.equal(['PREFIX_REFUSED']);
  });

  it('need the node address when the next-hop is the node', () => {
    expect(() => makeRoutes({}, settings, { ...identity, nodeIP: '' })).to.throw(/NODE_IP is not set/);
  });
});
