import { expect } from 'chai';
import fc from 'fast-check';
import { computeDesired } from '../../../../controller/core/desired.ts';
import { emptyMarks } from '../../../../controller/core/marks.ts';
import { render } from '../../../../controller/core/render.ts';
import { defaults, paths, refusalOf, settingsOf, snapshotOf, web } from './builders.ts';
import { hostileManifests } from './hostile-manifests.ts';

const settings = settingsOf();

describe('nothing from outside breaks out of the grammar', () => {
  /** Every line that the default templates can make. */
  const known = [
    /^$/,
    /^# Service default\/web\. Written by portable-lb: what is changed here is overwritten\.$/,
    /^# Service default\/web, port (TCP|UDP)\/\d{1,5}( \([A-Za-z0-9._-]{1,63}\))?$/,
    /^ {4}# which servers the checks took out, known from the first one on$/,
    /^include virtual-services\/(tcp|udp)-\d{1,5}\.conf$/,
    /^(global_defs|virtual_server fwmark \d{1,10}) \{$/,
    /^ {4}(lvs_notify_fifo \/run\/keepalived\/notify\.fifo|rs_init_notifies|delay_loop 5|lb_algo lc|lb_kind NAT)$/,
    /^ {4}real_server \d{1,3}(\.\d{1,3}){3} \d{1,5} \{$/,
    /^ {8}(weight [01]|uthreshold 20000|TCP_CHECK \{)$/,
    /^ {12}connect_timeout 5$/,
    /^( {4}| {8})?\}$/,
  ];
  /** 'mark address port weight' of every real server of a rendering, read without the product's parser. */
  function serversOf(files: Record<string, string>): string[] {
    const servers: string[] = [];
    for (const [, file = ''] of (files['ipvs.conf'] ?? '').matchAll(/^include (\S+)$/gm)) {
      const [head = '', ...blocks] = (files[file] ?? '').split(/^ {4}real_server /m);
      const [, mark] = /^virtual_server fwmark (\d+) \{$/m.exec(head) ?? [];
      for (const block of blocks) {
        const [, place] = /^(\S+ \d+) \{\n/.exec(block) ?? [];
        const [, weight] = /^ {8}weight (\d+)$/m.exec(block) ?? [];
        servers.push(`${mark} ${place} ${weight}`);
      }
    }
    return servers;
  }

  it('whatever stands in Service and EndpointSlices', () => {
    let servers = 0;
    fc.assert(
      fc.property(hostileManifests, ({ service, slices }) => {
        const desired = computeDesired(settings, snapshotOf(service, ...slices), emptyMarks());
        if ('refused' in desired) throw desired.refused[0];
        const files = render(defaults, settings, desired.virtualServices, paths);
        for (const [file, content] of Object.entries(files)) {
          expect(file).to.match(/^(ipvs|virtual-services\/(tcp|udp)-\d{1,5})\.conf$/);
          for (const line of content.split('\n'))
            if (!known.some((shape) => shape.test(line))) expect.fail(`${file} says ${JSON.stringify(line)}`);
        }
        const rendered = serversOf(files);
        expect(rendered).to.deep.equal(
          desired.virtualServices.flatMap(({ mark, realServers }) =>
            realServers.map(({ address, port, weight }) => `${mark} ${address} ${port} ${weight}`),
          ),
        );
        servers += rendered.length;
      }),
      { numRuns: 1000 },
    );
    expect(servers, 'some of it must have been good').to.be.greaterThan(100);
  });

  it('what was not checked before is refused, never rendered', () => {
    const [first] = web.realServers;
    if (!first) throw new Error('no server');
    const services = [
      { ...web, mark: 0 },
      { ...web, mark: '1 {\n' as never },
      { ...web, mark: 2 ** 31 },
      { ...web, port: 0, key: 'TCP/0' },
      { ...web, key: 'TCP/81' },
      { ...web, protocol: 'SCTP' as never, key: 'SCTP/80' },
      ...[
        { address: '10.0.0.1 80' },
        { address: 'fd00::1' },
        { port: 70_000 },
        { port: '80' as never },
        { weight: 1.5 },
        { weight: 0 },
      ].map((fault) => ({ ...web, realServers: [{ ...first, ...fault }] })),
    ];
    for (const service of services)
      expect(
        refusalOf(() => render(defaults, settings, [service], paths)).code,
        JSON.stringify(service),
      ).to.equal('NOT_RENDERABLE');
    const others = [
      { ...settings, scheduler: 'lc\n}' },
      { ...settings, service: { name: 'web\n}', namespace: 'default' } },
      { ...settings, healthCheck: { ...settings.healthCheck, http: { path: '/ {\n', statusCode: 200 } } },
      {
        ...settings,
        healthCheck: { ...settings.healthCheck, udp: { payloadHex: '00\n', requireReply: true } },
      },
      { ...settings, healthCheck: { ...settings.healthCheck, delayLoopSeconds: Number.NaN } },
    ];
    for (const other of others)
      expect(refusalOf(() => render(defaults, other, [web], paths)).code).to.equal('NOT_RENDERABLE');
    expect(refusalOf(() => render(defaults, settings, [web], { notifyFifo: '/run/a b' })).code).to.equal(
      'NOT_RENDERABLE',
    );
  });
});
