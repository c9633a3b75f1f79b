import { expect } from 'chai';
import { explainDown } from '../../../../bgp-sidecar/exabgp/reasons.ts';
import { createSessions } from '../../../../bgp-sidecar/exabgp/sessions.ts';

const facts = {
  peer: { address: '10.0.0.251', port: 179, peerAS: 64512 },
  localAS: 64512,
  address: '10.0.0.11',
  wasUp: false,
};
const words = (reason: string, more = {}) => explainDown(reason, { ...facts, ...more }).words;

describe('why a session is down', () => {
  it('names who refused what', () => {
    expect(
      words('peer reset, message (notification received (2,2)) error(OPEN message error / Bad Peer AS)'),
    ).to.match(/^peer 10.0.0.251 refused our AS 64512 \(OPEN error, bad peer AS\)/);
    expect(
      words(
        'peer reset, message (notification sent (2,2)) error(OPEN message error / Bad Peer AS / ASN in OPEN (64999) did not match ASN expected (64512))',
      ),
    ).to.match(/^peer 10.0.0.251 has AS 64999, and bgp.peers says 64512/);
    expect(words('peer reset, message (notification sent (2,3)) error(BGP Identifier collision)')).to.match(
      /has our own router-id 10.0.0.11/,
    );
    expect(words('peer reset, message (notification received (6,1)) error(x)')).to.match(
      /maximum number of prefixes/,
    );
    expect(words('peer reset, message (notification sent (4,0)) error(x)')).to.match(
      /silent for the hold time/,
    );
    expect(words('peer reset, message (notification received (9,9)) error(x)')).to.match(/code 9, subcode 9/);
  });

  it('tells a refused connection from one that ended', () => {
    const reason = 'peer reset, message (closing connection) error(Broken TCP connection)';
    expect(words(reason))
      .to.match(/nothing listens on 10.0.0.251:179/)
      .and.match(/dynamic neighbors/);
    expect(words(reason, { wasUp: true })).to.match(/closed the connection/);
  });

  it('names address, firewall and password where the peer gave no connection: it may have been silent', () => {
    const reason = 'peer reset, message (closing connection) error(Broken TCP connection)';
    const causes = /nobody has the address.*firewall drops port 179/;
    expect(words(reason))
      .to.match(causes)
      .and.match(/no password is set here: the peer may want one/);
    const peer = { ...facts.peer, password: 'geheim' };
    expect(words(reason, { peer }))
      .to.match(causes)
      .and.match(/the password differs from the peer’s/)
      .and.not.match(/geheim/);
  });

  it('has one reason for a peer that closes, whatever ExaBGP was at when it saw it: each is a log line', () => {
    const errors = [
      'Broken TCP connection',
      'the TCP connection was closed by the remote end',
      'issue reading on the socket: (Errno ECONNRESET) (Errno 104) Connection reset by peer',
      'Problem while writing data to the network ((Errno ECONNRESET) (Errno 104) Connection reset by peer)',
    ];
    const reasons = errors.map((error) => words(`peer reset, message (closing connection) error(${error})`));
    expect(new Set(reasons)).to.have.property('size', 1);
  });

  it('a NOTIFICATION is not forgotten for the closed connections after it', () => {
    let nowMs = 0;
    const changes: string[] = [];
    const sessions = createSessions({
      nowMs: () => nowMs,
      onChange: (_peer, _status, change) => changes.push(change),
    });
    sessions.configure({ localAS: 64512, address: '10.0.0.11', peers: [facts.peer] });
    expect(sessions.status()['10.0.0.251']?.problem).to.match(/does not answer on 10.0.0.251:179.*firewall/);
    sessions.down('10.0.0.251', 'peer reset, message (notification received (2,2)) error()');
    nowMs = 30_000;
    sessions.down('10.0.0.251', 'peer reset, message (closing connection) error(Broken TCP connection)');
    expect(sessions.status()['10.0.0.251']?.problem).to.match(/refused our AS/);
    sessions.up('10.0.0.251');
    sessions.down('10.0.0.251', 'peer reset, message (closing connection) error(Broken TCP connection)');
    expect(sessions.status()['10.0.0.251']?.problem).to.match(/closed the connection/);
    expect(changes, 'each attempt that failed is counted').to.deep.equal(['failed', 'failed', 'up', 'down']);
  });
});
