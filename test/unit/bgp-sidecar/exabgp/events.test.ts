import { expect } from 'chai';
import { parseEvent } from '../../../../bgp-sidecar/exabgp/events.ts';

const neighbor = (rest: string) =>
  `{ "exabgp": "4.0.1", "time": 1795251506.1, "host" : "vm", "pid" : 7815, "ppid" : 7770, "counter": 1, "type": "state", "neighbor": { "address": { "local": "10.0.0.11", "peer": "10.0.0.251" }, "asn": { "local": 64512, "peer": 64512 } , ${rest} } }`;
const sent = (message: string) =>
  neighbor(`"direction": "send", "message": ${message}`).replace('"type": "state"', '"type": "update"');

describe("ExaBGP's events", () => {
  it('tell the state of a session', () => {
    expect(parseEvent(neighbor('"state": "up"'))).to.deep.equal({ type: 'up', peer: '10.0.0.251' });
    expect(parseEvent(neighbor('"state": "down", "reason": "peer reset"'))).to.deep.equal({
      type: 'down',
      peer: '10.0.0.251',
      reason: 'peer reset',
    });
  });

  it('tell it even when the reason breaks the JSON', () => {
    const event = parseEvent(neighbor('"state": "down", "reason": "said \\"" and "x"'));
    expect(event).to.include({ type: 'down', peer: '10.0.0.251' });
  });

  it('tell which routes were sent', () => {
    const update =
      '{ "update": { "attribute": { "origin": "igp", "local-preference": 0, "community": [ [ 65535, 0 ], [ 64512, 100 ] ] }, "announce": { "ipv4 unicast": { "10.0.0.11": [ { "nlri": "203.0.113.0/28" } ] } } } }';
    expect(parseEvent(sent(update))).to.deep.equal({
      type: 'sent',
      peer: '10.0.0.251',
      announced: [
        {
          prefix: '203.0.113.0/28',
          nextHop: '10.0.0.11',
          localPreference: 0,
          communities: ['64512:100', '65535:0'],
        },
      ],
      withdrawn: [],
    });
    expect(
      parseEvent(sent('{ "update": { "withdraw": { "ipv4 unicast": [ { "nlri": "203.0.113.0/28" } ] } } }')),
    ).to.deep.include({
      announced: [],
      withdrawn: ['203.0.113.0/28'],
    });
  });

  it('of other kinds, and what is no JSON at all, are passed over', () => {
    expect(parseEvent(sent('{ "eor": { "afi" : "ipv4", "safi" : "unicast" } }'))).to.deep.include({
      announced: [],
      withdrawn: [],
    });
    expect(parseEvent('{ "type": "notification", "notification": "shutdown" }')).to.deep.equal({
      type: 'other',
    });
    expect(parseEvent('{ nonsense')).to.deep.equal({ type: 'other' });
  });
});
