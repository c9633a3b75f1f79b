import { expect } from 'chai';
import { readCacheDir, readWantedKernel } from '../../../../lab/setup/config.ts';
import { chooseKernel } from '../../../../lab/setup/kernel-choice.ts';
import { refusedLines } from '../../../../lab/setup/kernel-config.ts';
import { pickMirror } from '../../../../lab/setup/mirror.ts';

const poorHost = { wanted: undefined, hostLacks: ['IPVS'], latestIsBuilt: false, prefer: 'latest' } as const;

describe('set-up: kernel choice', () => {
  it("takes the machine's own kernel where it has everything", () => {
    expect(chooseKernel({ ...poorHost, hostLacks: [] }).name).to.equal('host');
  });

  it('else the latest, and says what the machine lacks', () => {
    const choice = chooseKernel(poorHost);
    expect(choice.name).to.equal('latest');
    expect(choice.why).to.include('lacks IPVS');
  });

  it('rather the packaged one now than the latest in minutes, if asked so', () => {
    expect(chooseKernel({ ...poorHost, prefer: 'ready' }).name).to.equal('6.1');
    expect(chooseKernel({ ...poorHost, prefer: 'ready', latestIsBuilt: true }).name).to.equal('latest');
  });

  it("follows the user's choice, but not into a kernel that cannot do it", () => {
    expect(chooseKernel({ ...poorHost, wanted: '6.1', hostLacks: [] }).name).to.equal('6.1');
    expect(chooseKernel({ ...poorHost, wanted: 'latest', prefer: 'ready' }).name).to.equal('latest');
    expect(() => chooseKernel({ ...poorHost, wanted: 'host' })).to.throw(/LAB_KERNEL=host: .* lacks IPVS/);
  });
});

describe('set-up: environment', () => {
  it('reads LAB_KERNEL and refuses what it does not know by name', () => {
    expect(readWantedKernel({})).to.equal(undefined);
    expect(readWantedKernel({ LAB_KERNEL: '' })).to.equal(undefined);
    expect(readWantedKernel({ LAB_KERNEL: '6.1' })).to.equal('6.1');
    expect(() => readWantedKernel({ LAB_KERNEL: '5.10' })).to.throw('accepted are host, latest, 6.1');
  });

  it('ignores a cache folder that is not absolute', () => {
    expect(readCacheDir({ XDG_CACHE_HOME: '/var/cache' })).to.equal('/var/cache/portable-lb');
    expect(readCacheDir({ XDG_CACHE_HOME: 'here' })).to.match(/\/\.cache\/portable-lb$/);
  });
});

describe('set-up: mirror', () => {
  it('takes the plain Debian release and no other source', () => {
    const lines = [
      'nodistro https://node.example/node_20.x/',
      'bookworm-security http://mirror.example/debian-security/',
      'bookworm-updates http://mirror.example/debian/',
      'bookworm http://mirror.example/debian/',
    ];
    expect(pickMirror(lines.join('\n'))).to.equal('http://mirror.example/debian/');
    expect(pickMirror('noble http://ubuntu.example/ubuntu/')).to.equal(undefined);
  });
});

describe('set-up: kernel configuration', () => {
  it('names the lines that did not take', () => {
    const config = '\nCONFIG_IP_VS=y\nCONFIG_VETH=m\n# CONFIG_MODULES is not set\nCONFIG_SOUND=y\n';
    const wanted =
      'CONFIG_IP_VS=y\nCONFIG_VETH=y\nCONFIG_MODULES=n\nCONFIG_SOUND=n\nCONFIG_ABSENT=n\nCONFIG_NONE=y\n';
    expect(refusedLines(wanted, config)).to.deep.equal(['CONFIG_VETH=y', 'CONFIG_SOUND=n', 'CONFIG_NONE=y']);
  });
});
