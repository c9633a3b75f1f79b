import { expect } from 'chai';
import { resolveEndpoints } from '../../../../controller/core/endpoints.ts';
import { leaving, serviceOf, sliceOf, unready, up } from './builders.ts';

const prefixes = ['203.0.113.0/28'];

function resolve(
  ...args: [Parameters<typeof resolveEndpoints>[0], ...Parameters<typeof resolveEndpoints>[1]]
) {
  const [service, ...slices] = args;
  const resolved = resolveEndpoints(service, slices, prefixes);
  if ('refused' in resolved) throw resolved.refused[0];
  return resolved;
}

function places(port: { endpoints: { address: string; port: number }[] } | undefined): string[] {
  return (port?.endpoints ?? []).map(({ address, port }) => `${address}:${port}`);
}

const web = serviceOf([{ name: 'http', port: 80 }]);

describe('endpoints', () => {
  it('matches ports by name, each slice with its own number', () => {
    const service = serviceOf([
      { name: 'http', port: 80 },
      { name: 'admin', port: 8080 },
    ]);
    const { ports, notes } = resolve(
      service,
      sliceOf('a', ['http=8080', 'admin=9000'], [{ at: '10.0.0.1', ...up }]),
      sliceOf('b', ['http=8081', 'admin=80'], [{ at: '10.0.0.2', ...up }]),
    );
    expect(ports.map(({ key }) => key)).to.deep.equal(['TCP/80', 'TCP/8080']);
    expect(ports.map(places)).to.deep.equal([
      ['10.0.0.1:8080', '10.0.0.2:8081'],
      ['10.0.0.1:9000', '10.0.0.2:80'],
    ]);
    expect(notes).to.deep.equal([]);
  });

  it('takes no name, an empty one and null for the same', () => {
    const noName = sliceOf('a', ['=8080'], [{ at: '10.0.0.1' }]);
    const nullName = { ...noName, ports: [{ name: null as unknown as string, port: 8080 }] };
    const absent = { ...noName, ports: [{ port: 8080 }] };
    for (const slice of [noName, nullName, absent])
      expect(places(resolve(serviceOf([{ port: 80 }]), slice).ports[0])).to.deep.equal(['10.0.0.1:8080']);
  });

  it('keeps TCP and UDP of one number and one name apart', () => {
    const service = serviceOf([
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ]);
    const { ports } = resolve(
      service,
      sliceOf('a', ['dns=5353/UDP', 'dns-tcp=5300/TCP'], [{ at: '10.0.0.1' }]),
    );
    expect(ports.map((port) => [port.key, ...places(port)])).to.deep.equal([
      ['TCP/53', '10.0.0.1:5300'],
      ['UDP/53', '10.0.0.1:5353'],
    ]);
  });

  it('does not match a name of another protocol', () => {
    const { ports, notes } = resolve(web, sliceOf('a', ['http=80/UDP'], [{ at: '10.0.0.1' }]));
    expect(places(ports[0])).to.deep.equal([]);
    expect(notes.map(({ code }) => code)).to.deep.equal(['PORT_NAME_UNRESOLVED']);
  });

  it('keeps the readier of an address that is in two slices, in either order', () => {
    const slices = [
      sliceOf(
        'old',
        ['http=80'],
        [
          { at: '10.0.0.1', ...leaving },
          { at: '10.0.0.2', ...unready },
        ],
      ),
      sliceOf(
        'new',
        ['http=80'],
        [
          { at: '10.0.0.1', ...up },
          { at: '10.0.0.2', ...leaving },
        ],
      ),
    ];
    for (const order of [slices, slices.toReversed()]) {
      const [port] = resolve(web, ...order).ports;
      expect(port?.endpoints).to.deep.equal([
        { address: '10.0.0.1', port: 80, ...up },
        { address: '10.0.0.2', port: 80, ...leaving },
      ]);
    }
  });

  it('ignores the slices of other Services and namespaces', () => {
    const foreign = sliceOf('a', ['http=80'], [{ at: '10.0.0.1' }], {
      metadata: { name: 'a', namespace: 'default', labels: { 'kubernetes.io/service-name': 'other' } },
    });
    const elsewhere = sliceOf('a', ['http=80'], [{ at: '10.0.0.2' }], {
      metadata: { name: 'a', namespace: 'prod', labels: { 'kubernetes.io/service-name': 'web' } },
    });
    const { ports, notes } = resolve(web, foreign, elsewhere);
    expect(places(ports[0])).to.deep.equal([]);
    expect(notes[0]?.message).to.equal(
      'Service default/web: port TCP/80 has no endpoints, nothing answers on it',
    );
  });

  it('skips IPv6 slices and tells it with one text however many there are', () => {
    const v6 = (name: string) => sliceOf(name, ['http=80'], [{ at: 'fd00::1' }], { addressType: 'IPv6' });
    const { ports, notes } = resolve(web, v6('a'), v6('b'), sliceOf('c', ['http=80'], [{ at: '10.0.0.1' }]));
    expect(places(ports[0])).to.deep.equal(['10.0.0.1:80']);
    expect([...new Set(notes.map(({ message }) => message))]).to.deep.equal([
      'Service default/web: endpoints of address type "IPv6" are skipped, only IPv4 is served',
    ]);
  });

  it('leaves out addresses that cannot be a server, and says why', () => {
    const bad = [
      'fd00::1',
      '10.0.0.256',
      '10.0.0.01',
      '127.0.0.1',
      '0.0.0.0',
      '169.254.1.1',
      '224.0.0.1',
      '255.255.255.255',
      '203.0.113.5',
      '10.0.0.1 80 {\n',
      '',
    ];
    const { ports, notes } = resolve(
      web,
      sliceOf(
        'a',
        ['http=80'],
        [...bad, '10.0.0.1'].map((at) => ({ at })),
      ),
    );
    expect(places(ports[0])).to.deep.equal(['10.0.0.1:80']);
    expect(notes.filter(({ code }) => code === 'ADDRESS_INVALID')).to.have.length(bad.length);
    expect(notes.map(({ message }) => message)).to.include(
      'EndpointSlice "a": address "203.0.113.5" is left out: it is inside the VIP prefix 203.0.113.0/28',
    );
    for (const { message } of notes) expect(message).not.to.match(/\n/);
  });

  it('uses the first address of an endpoint only, as kube-proxy does', () => {
    const slice = sliceOf('a', ['http=80'], []);
    slice.endpoints = [{ addresses: ['10.0.0.1', '10.0.0.2'] }];
    const { ports, notes } = resolve(web, slice);
    expect(places(ports[0])).to.deep.equal(['10.0.0.1:80']);
    expect(notes.map(({ code }) => code)).to.deep.equal(['ADDRESSES_FUNGIBLE']);
  });

  it('leaves out slice ports without a number', () => {
    for (const port of [undefined, null, 0, 65536, 80.5, '80']) {
      const slice = {
        ...sliceOf('a', [], [{ at: '10.0.0.1' }]),
        ports: [{ name: 'http', port: port as number }],
      };
      const { ports, notes } = resolve(web, slice);
      expect(places(ports[0])).to.deep.equal([]);
      expect(notes.map(({ code }) => code)).to.include('PORT_INVALID');
    }
  });

  it('refuses an SCTP port by name and serves the others', () => {
    const service = serviceOf([
      { name: 'http', port: 80 },
      { name: 'sig', port: 2905, protocol: 'SCTP' },
    ]);
    const { ports, notes } = resolve(
      service,
      sliceOf('a', ['http=80', 'sig=2905/SCTP'], [{ at: '10.0.0.1' }]),
    );
    expect(ports.map(({ key }) => key)).to.deep.equal(['TCP/80']);
    expect(notes.map(({ message }) => message)).to.deep.equal([
      'Service default/web: port 2905 is refused: SCTP is not supported, TCP and UDP are; the other ports are served',
    ]);
  });

  it('refuses an ExternalName Service by name', () => {
    const resolved = resolveEndpoints(
      serviceOf([], { type: 'ExternalName', externalName: 'x.org' }),
      [],
      prefixes,
    );
    if (!('refused' in resolved)) throw new Error('it was accepted');
    expect(resolved.refused.map(({ code }) => code)).to.deep.equal(['SERVICE_EXTERNAL_NAME']);
    expect(resolved.refused[0]?.message).to.contain('Service default/web is of type ExternalName');
  });

  it('serves a headless Service', () => {
    const service = serviceOf([{ name: 'http', port: 80 }], { clusterIP: 'None' });
    expect(places(resolve(service, sliceOf('a', ['http=80'], [{ at: '10.0.0.1' }])).ports[0])).to.have.length(
      1,
    );
  });

  it('tells a port that is there twice, and serves the same one in either order', () => {
    const twice = [
      { name: 'b', port: 80 },
      { name: 'a', port: 80 },
    ];
    for (const order of [twice, twice.toReversed()]) {
      const { ports, notes } = resolve(serviceOf(order), sliceOf('a', ['a=1', 'b=2'], [{ at: '10.0.0.1' }]));
      expect(ports.map(places)).to.deep.equal([['10.0.0.1:1']]);
      expect(notes.map(({ code }) => code)).to.deep.equal(['PORT_TWICE']);
    }
  });

  it('survives a manifest with nothing in it', () => {
    const empty = { metadata: { name: 'web' } };
    const slice = { ...sliceOf('a', [], []), ports: null, endpoints: null } as never;
    expect(resolve(empty, slice)).to.deep.equal({ ports: [], notes: [] });
  });
});
