/** The pod's network as one wanted state: made, kept, taken away, and what is said when it may not be. */
import { expect } from 'chai';
import type { PodNetwork } from '../../../controller/kernel/network.ts';
import { type Actor, startActor } from './actors.ts';
import { Namespaces, run } from './namespaces.ts';
import { toolsHere } from './tools-here.ts';

const wanted: PodNetwork = {
  interface: 'eth0',
  prefixes: ['203.0.113.0/28', '198.51.100.8/32'],
  ports: [
    { protocol: 'TCP', port: 80, mark: 1 },
    { protocol: 'TCP', port: 443, mark: 2 },
    { protocol: 'UDP', port: 443, mark: 3 },
  ],
  unmatched: 'reject',
};
const nothing: PodNetwork = { ...wanted, prefixes: [], ports: [] };

for (const tool of toolsHere())
  describe(`the network of an LB pod (${tool})`, function () {
    this.timeout(60_000);
    const namespaces = new Namespaces();
    let name: string;
    let pod: Actor;

    beforeEach(async () => {
      name = namespaces.add('pod');
      run('ip', '-n', name, 'link', 'add', 'eth0', 'type', 'dummy');
      run('ip', '-n', name, 'address', 'add', '10.42.0.2/24', 'dev', 'eth0');
      run('ip', '-n', name, 'link', 'set', 'eth0', 'up');
      pod = await namespaces.actor(name);
      await pod.openNetwork(tool);
    });
    afterEach(() => namespaces.remove());

    const inPod = (...command: string[]) => run('ip', 'netns', 'exec', name, ...command);
    const ourRoutes = () => inPod('ip', 'route', 'show', 'table', 'local', 'proto', '179').trim();
    const rules = () => (tool === 'nft' ? inPod('nft', 'list', 'ruleset') : inPod('iptables-legacy-save'));
    const ensure = async (network: PodNetwork) => {
      const outcome = await pod.ensure(network);
      expect([...outcome.problems, ...outcome.advice]).to.deep.equal([]);
      return outcome.changed;
    };

    it('makes routes, rules and sysctls, says what, and then has nothing to do', async () => {
      const changed = (await ensure(wanted)).join('\n');
      expect(changed).to.contain('sysctl net.ipv4.vs.conntrack was 0: set to 1');
      expect(changed).to.contain('local route 203.0.113.0/28 dev eth0 was missing: added');
      expect(changed).to.contain('TCP/80 mark 1, TCP/443 mark 2, UDP/443 mark 3, everything else refused');
      expect(
        ourRoutes()
          .split('\n')
          .map((line) => line.trim()),
      ).to.deep.equal(['local 198.51.100.8 dev eth0 scope host', 'local 203.0.113.0/28 dev eth0 scope host']);
      expect(inPod('ip', 'route', 'get', '203.0.113.15')).to.contain('local 203.0.113.15 dev lo');
      expect(await ensure(wanted)).to.deep.equal([]);
    });

    it('finds what an earlier run made and takes it as its own', async () => {
      await ensure(wanted);
      const later = await namespaces.actor(name);
      await later.openNetwork(tool);
      expect((await later.ensure(wanted)).changed).to.deep.equal([]);
      const smaller = { ...wanted, prefixes: ['203.0.113.0/28'] };
      const last = await namespaces.actor(name);
      await last.openNetwork(tool);
      expect((await last.ensure(smaller)).changed).to.satisfy(
        (changed: string[]) => changed.at(-1) === 'local route 198.51.100.8/32 is not wanted: removed',
      );
    });

    it('mends a route that went away', async () => {
      await ensure(wanted);
      inPod('ip', 'route', 'del', 'local', '203.0.113.0/28', 'dev', 'eth0', 'table', 'local');
      expect(await ensure(wanted)).to.deep.equal(['local route 203.0.113.0/28 dev eth0 was missing: added']);
    });

    it('mends rules that somebody flushed, changed or added to', async () => {
      await ensure(wanted);
      const attacks =
        tool === 'nft'
          ? [
              ['nft', 'flush', 'ruleset'],
              ['nft', 'flush', 'chain', 'ip', 'portable_lb', 'source'],
              ['nft', 'insert', 'rule', 'ip', 'portable_lb', 'admit', 'accept'],
              ['nft', 'add', 'chain', 'ip', 'portable_lb', 'foreign'],
              ['nft', 'delete', 'table', 'ip', 'portable_lb'],
              ['nft', 'flush chain ip portable_lb unserved; delete chain ip portable_lb unserved'],
            ]
          : [
              ['iptables-legacy', '-t', 'nat', '-F'],
              ['iptables-legacy', '-t', 'mangle', '-F', 'PLB-PORT'],
              ['iptables-legacy', '-I', 'PLB-VIP', '-j', 'ACCEPT'],
              ['iptables-legacy', '-D', 'INPUT', '-j', 'PLB-ADMIT'],
              ['iptables-legacy', '-A', 'INPUT', '-j', 'PLB-ADMIT'],
            ];
      const asMade = rules().replace(/^#.*$/gm, '');
      for (const attack of attacks) {
        inPod(...attack);
        const changed = await ensure(wanted);
        expect(changed, attack.join(' ')).to.have.length(1);
        expect(changed[0]).to.match(/^packet rules \((nft|iptables)\) .*: put back$/);
        expect(
          rules()
            .replace(/^#.*$/gm, '')
            .replace(/\[\d+:\d+\]/g, '[0:0]'),
        ).to.equal(asMade);
        expect(await ensure(wanted)).to.deep.equal([]);
      }
    });

    it('mends a sysctl', async () => {
      await ensure(wanted);
      inPod('sysctl', '-qw', 'net.ipv4.ip_forward=0');
      expect(await ensure(wanted)).to.deep.equal(['sysctl net.ipv4.ip_forward was 0: set to 1']);
    });

    it('adds and takes away ports and prefixes, and leaves nothing', async () => {
      await ensure(wanted);
      const [change] = await ensure({ ...wanted, ports: wanted.ports.slice(0, 1) });
      expect(change).to.contain('TCP/80 mark 1, everything else');
      await ensure({ ...wanted, ports: [] });
      await ensure(nothing);
      expect(ourRoutes()).to.equal('');
      expect(rules()).to.not.match(/portable_lb|PLB-/);
      expect(await ensure(nothing)).to.deep.equal([]);
    });

    if (tool === 'nft')
      it('knows by the number of the rules that nobody changed them', async () => {
        await ensure(wanted);
        const number = await pod.rulesGeneration();
        expect(number).to.be.a('number');
        await ensure(wanted);
        expect(await pod.rulesGeneration()).to.equal(number);
        // One more for each transaction, ours and others'.
        for (const change of ['add table ip other', 'flush chain ip portable_lb marks']) {
          const before = (await pod.rulesGeneration()) ?? NaN;
          inPod('nft', change);
          expect(await pod.rulesGeneration()).to.equal(before + 1);
        }
        const before = (await pod.rulesGeneration()) ?? NaN;
        await ensure(nothing);
        expect(await pod.rulesGeneration()).to.equal(before + 1);
      });

    if (tool === 'nft')
      it('changes rules and leaves the chains: a hook that comes and goes would let packets through', async () => {
        const handles = () =>
          inPod('nft', '-a', 'list', 'table', 'ip', 'portable_lb').match(/chain \w+ { # handle \d+/g);
        await ensure(wanted);
        const before = handles();
        expect(before).to.have.length(6);
        await ensure({ ...wanted, ports: wanted.ports.slice(1), unmatched: 'drop' });
        expect(handles()).to.deep.equal(before);
      });

    it('leaves the routes and rules of others alone', async () => {
      inPod('ip', 'route', 'add', 'local', '192.0.2.0/24', 'dev', 'eth0');
      inPod('ip', 'route', 'add', 'local', '203.0.113.0/28', 'dev', 'eth0');
      const foreign =
        tool === 'nft'
          ? ['nft', 'add table ip other; add chain ip other c; add rule ip other c counter accept']
          : ['iptables-legacy', '-A', 'INPUT', '-p', 'tcp', '--dport', '7', '-j', 'DROP'];
      inPod(...foreign);
      await ensure(wanted);
      await ensure(nothing);
      const local = inPod('ip', 'route', 'show', 'table', 'local');
      expect(local).to.contain('local 192.0.2.0/24 dev eth0').and.to.contain('local 203.0.113.0/28 dev eth0');
      expect(rules()).to.contain(tool === 'nft' ? 'table ip other' : '--dport 7 -j DROP');
    });

    it('says that the interface is not there', async () => {
      const { problems } = await pod.ensure({ ...wanted, interface: 'net1' });
      expect(problems.map(({ message }) => message).join()).to.match(/no interface net1 \(it has lo, .*eth0/);
    });

    it('gives the very lines when sysctls may not be written', async () => {
      const locked = [
        'unshare',
        '--mount',
        'sh',
        '-c',
        'mount -o remount,ro,bind /proc/sys 2>/dev/null || { mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys; }; exec "$@"',
        'sh',
      ];
      const actor = await startActor(['ip', 'netns', 'exec', name, ...locked]);
      try {
        await actor.openNetwork(tool);
        const { problems, advice } = await actor.ensure(wanted);
        expect(problems.map(({ code }) => code)).to.deep.equal(['SYSCTL_READ_ONLY']);
        expect(problems[0]?.message)
          .to.contain('sysctl -w net.ipv4.ip_forward=1 net.ipv4.vs.conntrack=1`')
          .and.to.contain(
            '{name: net.ipv4.ip_forward, value: "1"}, {name: net.ipv4.vs.conntrack, value: "1"}]',
          );
        expect(advice.map(({ code }) => code)).to.deep.equal(['SYSCTL_READ_ONLY']);
        expect(ourRoutes()).to.contain('203.0.113.0/28'); // the rest is done all the same
      } finally {
        await actor.stop();
      }
    });

    it('names the capability when it is missing', async () => {
      const drop = tool === 'nft' ? '-net_admin' : '-net_raw';
      const actor = await startActor(['ip', 'netns', 'exec', name, 'setpriv', '--bounding-set', drop]);
      try {
        const error = await actor
          .openNetwork(tool)
          .catch((thrown: { code: string; message: string }) => thrown);
        expect(error).to.include({ code: tool === 'nft' ? 'NO_NET_ADMIN' : 'NO_NET_RAW' });
      } finally {
        await actor.stop();
      }
    });
  });

describe('the choice between nft and iptables-legacy', function () {
  this.timeout(30_000);
  const namespaces = new Namespaces();
  after(() => namespaces.remove());

  it('is nft where the kernel has nf_tables', async () => {
    const pod = await namespaces.actor(namespaces.add('pod'));
    expect(await pod.openNetwork('any')).to.equal(toolsHere()[0]);
  });
});
