import { expect } from 'chai';
import { metricValue } from '../../../lab/containers/probe.ts';
import { addressIn, hashSeed, macOf } from '../../../lab/network/plan.ts';
import { mergeSettings, withoutNulls } from '../../../lab/roles/lb-settings.ts';
import { summarize } from '../../../lab/roles/load-report.ts';
import { RouteTable } from '../../../lab/roles/route-table.ts';
import { parseWrk } from '../../../lab/roles/wrk.ts';

describe('lab: what it reads', () => {
  it('route changes of `ip monitor`, multipath, replaced and deleted', () => {
    const table = new RouteTable();
    table.take('203.0.113.0/28 via 10.0.0.1 dev eth0 proto bird metric 32 ');
    table.take(
      '203.0.113.0/28 proto bird metric 32 \\\tnexthop via 10.0.0.10 dev eth0 weight 1 \\\tnexthop via 10.0.0.2 dev eth0 weight 1 ',
    );
    expect(table.nextHops('203.0.113.0/28')).to.deep.equal(['10.0.0.2', '10.0.0.10']);
    table.take(
      '203.0.113.0/28 proto bird metric 32 \\\tnexthop via 10.0.0.2 dev eth0 weight 1 \\\tnexthop via 10.0.0.10 dev eth0 weight 1 ',
    );
    table.take('Deleted 203.0.113.0/28 proto bird metric 32 \\\tnexthop via 10.0.0.2 dev eth0 weight 1 ');
    table.take('local 10.0.0.254 dev eth0 table local proto kernel scope host src 10.0.0.254 ');
    const history = table.history('203.0.113.0/28').map((change) => change.nextHops);
    expect(history).to.deep.equal([['10.0.0.1'], ['10.0.0.2', '10.0.0.10'], []]);
  });

  it('the figures of wrk', () => {
    const output = `  8293 requests in 3.06s, 2.67MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:   2713.84
Transfer/sec:      0.50MB`;
    const figures = {
      requests: 8293,
      requestsPerSecond: 2713.84,
      bytesPerSecond: 524_288,
      socketErrors: 10,
      non2xx: 5,
    };
    expect(parseWrk(output)).to.deep.equal({ ...figures, output });
    expect(() => parseWrk('unable to connect')).to.throw('wrk printed no result');
  });

  it('a metric, summed over the labels that are not asked for', () => {
    const text = '# HELP x y\nx{peer="a",k="1"} 1\nx{peer="a",k="2"} 2\nx{peer="b",k="1"} 4\nxx 9\n';
    expect(metricValue(text, 'x')).to.equal(7);
    expect(metricValue(text, 'x', { peer: 'a' })).to.equal(3);
    expect(metricValue(text, 'y')).to.equal(undefined);
  });

  it('the answers to a load: who served, what failed, the longest gap', () => {
    const result = { url: 'u', body: '', port: 80, durationMs: 10 };
    const good = { ...result, status: 200, server: 's', from: '10.42.1.2' };
    const bad = { ...result, status: 0, error: 'timeout', server: '', from: '' };
    const report = summarize(
      [
        { ...good, startedAtMs: 1000 },
        { ...bad, startedAtMs: 1100 },
        { ...good, startedAtMs: 1500 },
      ],
      990,
      1520,
    );
    expect(report.failed).to.have.length(1);
    expect(report.perServer).to.deep.equal({ s: 2 });
    expect(report.perLbPod).to.deep.equal({ '10.42.1.2': 2 });
    expect(report.longestGapMs).to.equal(500);
  });
});

describe('lab: plan and settings', () => {
  it('addresses, MACs and hash seeds follow from names and numbers', () => {
    expect(addressIn('203.0.113.16/28', 15)).to.equal('203.0.113.31');
    expect(() => addressIn('203.0.113.16/28', 16)).to.throw('16 addresses');
    expect(macOf('10.42.1.17')).to.equal('02:00:0a:2a:01:11');
    expect(hashSeed('router')).to.equal(hashSeed('router'));
    expect(new Set(['router', 'node-1', 'node-2', 'node-3'].map(hashSeed))).to.have.property('size', 4);
  });

  it('a change is merged key by key, lists are replaced, null removes', () => {
    const merged = mergeSettings({ a: { b: 1, c: 2 }, list: [1, 2] }, { a: { c: null, d: 3 }, list: [3] });
    expect(withoutNulls(merged)).to.deep.equal({ a: { b: 1, d: 3 }, list: [3] });
  });
});
