import { expect } from 'chai';
import { askAll, namesToTry } from '../../../bgp-sidecar/dns.ts';

const ofPod = `search lb.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
`;

describe('names that are asked of the DNS', () => {
  it('are tried in the search domains first when they have few dots', () => {
    expect(namesToTry('reflector', ofPod)).to.deep.equal([
      'reflector.lb.svc.cluster.local',
      'reflector.svc.cluster.local',
      'reflector.cluster.local',
      'reflector',
    ]);
    expect(namesToTry('reflector.lb.svc.cluster.local', ofPod).at(-1)).to.equal(
      'reflector.lb.svc.cluster.local',
    );
  });

  it('are tried as they are when they end in a dot, and first when they have enough', () => {
    expect(namesToTry('reflector.lb.svc.cluster.local.', ofPod)).to.deep.equal([
      'reflector.lb.svc.cluster.local',
    ]);
    expect(namesToTry('a.b', 'search c.d.\n')).to.deep.equal(['a.b', 'a.b.c.d']);
    expect(namesToTry('a', 'domain x\nsearch c  d\n')).to.deep.equal(['a.c', 'a.d', 'a']);
    expect(namesToTry('a.b', 'options rotate ndots:2 timeout:1\nsearch c\n')).to.deep.equal(['a.b.c', 'a.b']);
    expect(namesToTry('a', '')).to.deep.equal(['a']);
  });

  it('are asked for all at once, so that a domain nobody answers for does not hold up the rest', async () => {
    const asked: string[] = [];
    const refuse: (() => void)[] = [];
    const answers = askAll(['a.dead.example', 'a'], (name) => {
      asked.push(name);
      if (name === 'a') return Promise.resolve(['10.42.0.7']);
      return new Promise((_, reject) => refuse.push(() => reject(new Error('ETIMEOUT'))));
    });
    expect(asked).to.deep.equal(['a.dead.example', 'a']);
    expect(await answers[1]).to.deep.equal(['10.42.0.7']);
    refuse[0]?.();
    expect(await answers[0]?.catch(({ message }: Error) => message)).to.equal('ETIMEOUT');
  });
});
