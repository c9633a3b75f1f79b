import { expect } from 'chai';
import { chooseRate, theoryRps } from '../../../../lab/demo/chapters/capacity.ts';
import { isFigure54 } from '../../../../lab/demo/chapters/one-lb-pod.ts';
import { weights } from '../../../../lab/demo/chapters/servers.ts';
import { createFigures } from '../../../../lab/demo/figures.ts';
import { createScreen } from '../../../../lab/demo/screen.ts';

const listing = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
FWM  1 lc
  -> 10.42.1.3:8080               Masq    1      0          12
  -> 10.42.2.3:8080               Masq    0      1          0`;

describe('figures of the demo', () => {
  it('those that do not hold are named, and marked where they are printed; a note neither holds nor fails', () => {
    let printed = '';
    const figures = createFigures(createScreen((text) => (printed += text), undefined));
    figures.check('throughput', '90 %', 'at least 95 %', false, '1 : 1');
    figures.check('requests failed', '0', 'none', true);
    figures.note('broken in flight', '3');
    expect(figures.failed.map(({ name }) => name)).to.deep.equal(['throughput']);
    expect(printed).to.match(/✗ throughput: 90 % {2}\(wanted: at least 95 %\)/);
    expect(printed)
      .to.match(/✓ requests failed: 0/)
      .and.to.match(/· broken in flight: 3\n/);
    printed = '';
    figures.summary();
    expect(printed).to.match(/✗ throughput +90 % +1 : 1\n/);
  });

  it('rules are those of Fig. 5.4 only with its scheduler, its method and a line a server', () => {
    const asWanted = listing.replace('Masq    0 ', 'Masq    1 ');
    expect(isFigure54(asWanted, 2)).to.equal(true);
    for (const other of [listing, asWanted.replace('lc', 'rr'), asWanted.replace('Masq', 'Tunnel')])
      expect(isFigure54(other, 2)).to.equal(false);
    expect(isFigure54(asWanted, 3)).to.equal(false);
    expect(weights(listing)).to.deep.equal([1, 0]);
  });

  it("four links carry a third of what the kernel forwards, by the thesis' bytes of a request", () => {
    expect(theoryRps(8 * 765.36)).to.equal(1);
    const rate = chooseRate(2400);
    expect(4 * theoryRps(rate)).to.be.within(2400 / 3 - 8, 2400 / 3);
    expect(rate % 10_000).to.equal(0);
  });
});
