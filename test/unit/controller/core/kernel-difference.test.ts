import { expect } from 'chai';
import fc from 'fast-check';
import { compareKernel } from '../../../../controller/core/difference.ts';
import type {
  IpvsDestination,
  IpvsService,
  KernelDifference,
  ServiceFlag,
  WantedDestination,
  WantedService,
} from '../../../../controller/core/types.ts';

function wantedServer(octet: number, weight = 1): WantedDestination {
  return {
    address: `10.0.0.${octet}`,
    port: 80,
    weight,
    upperThreshold: 20_000,
    lowerThreshold: 0,
    inhibitOnFailure: false,
  };
}

function heldServer(octet: number, weight = 1): IpvsDestination {
  const { inhibitOnFailure, ...server } = wantedServer(octet, weight);
  return { ...server, method: 'masq', activeConnections: 3, inactiveConnections: 1 };
}

function wantedOf(mark: number, ...realServers: WantedDestination[]): WantedService {
  return { mark, scheduler: 'lc', flags: [], realServers };
}

function heldOf(mark: number, ...destinations: IpvsDestination[]): IpvsService {
  return { family: 4, mark, scheduler: 'lc', flags: [], destinations };
}

const persistent = { persistence: { timeoutSeconds: 360, netmask: '255.255.255.255' } };
const noneOut = new Set<string>();

function tell(differences: readonly KernelDifference[]): string[] {
  return differences.map(({ kind, why }) => `${kind}: ${why}`);
}

/** What the kernel holds after the differences were carried out one by one; throws where it would refuse. */
function carryOut(held: readonly IpvsService[], differences: readonly KernelDifference[]): IpvsService[] {
  const name = ({ family, mark, protocol, address, port }: IpvsService) =>
    `${family} ${mark} ${protocol} ${address} ${port}`;
  const services = new Map(
    held.map((service) => [name(service), { ...service, destinations: [...service.destinations] }]),
  );
  for (const difference of differences) {
    const key = name(difference.service);
    const service = services.get(key);
    if (difference.kind === 'add-service') {
      if (service) throw new Error(`${key} exists`);
      services.set(key, { ...difference.service, destinations: [] });
      continue;
    }
    if (!service) throw new Error(`${key} does not exist`);
    if (difference.kind === 'delete-service') services.delete(key);
    else if (difference.kind === 'set-service')
      Object.assign(service, { ...difference.service, destinations: service.destinations });
    else {
      const { destination } = difference;
      const index = service.destinations.findIndex(
        (one) => one.address === destination.address && one.port === destination.port,
      );
      if (index >= 0 === (difference.kind === 'add-destination'))
        throw new Error(`${difference.kind} ${destination.address}`);
      if (difference.kind === 'add-destination') service.destinations.push(destination);
      else if (difference.kind === 'set-destination') service.destinations[index] = destination;
      else service.destinations.splice(index, 1);
    }
  }
  return [...services.values()];
}

describe('kernel difference', () => {
  it('is nothing where the kernel holds what is wanted', () => {
    const wanted = wantedOf(1, wantedServer(1), wantedServer(2, 0));
    expect(compareKernel([wanted], [heldOf(1, heldServer(2, 0), heldServer(1))], noneOut)).to.deep.equal([]);
  });

  it('adds a service that is missing with its servers, but not those that a check took out', () => {
    const differences = compareKernel(
      [wantedOf(1, wantedServer(1), wantedServer(2))],
      [],
      new Set(['1 10.0.0.2:80']),
    );
    expect(tell(differences)).to.deep.equal([
      'add-service: FWM 1 is missing',
      'add-destination: FWM 1 -> 10.0.0.1:80 is missing',
    ]);
  });

  it('names exactly the entries that differ', () => {
    const wanted = [
      wantedOf(1, wantedServer(1), wantedServer(2), wantedServer(3), wantedServer(5)),
      wantedOf(2, wantedServer(1)),
    ];
    const held = [
      {
        ...heldOf(
          1,
          heldServer(1),
          heldServer(2, 0),
          { ...heldServer(3), upperThreshold: 0, method: 'tunnel' as const },
          heldServer(4),
        ),
        scheduler: 'rr',
      },
      { ...heldOf(2, { ...heldServer(1), lowerThreshold: 7 }), ...persistent },
    ];
    expect(tell(compareKernel(wanted, held, noneOut))).to.deep.equal([
      'set-service: FWM 1 has scheduler rr instead of lc',
      'add-destination: FWM 1 -> 10.0.0.5:80 is missing',
      'set-destination: FWM 1 -> 10.0.0.2:80 has weight 0 instead of 1',
      'set-destination: FWM 1 -> 10.0.0.3:80 has forwarding method tunnel instead of masq, upper threshold 0 instead of 20000',
      'delete-destination: FWM 1 -> 10.0.0.4:80 is not a server of the Service',
      'set-service: FWM 2 has persistence of 360 s with netmask 255.255.255.255 instead of no persistence',
      'set-destination: FWM 2 -> 10.0.0.1:80 has lower threshold 7 instead of 0',
    ]);
  });

  it('names every word by which a service schedules otherwise, and sets it to what is wanted', () => {
    const wanted = (more: Partial<WantedService>) => ({ ...wantedOf(1), ...more });
    const netmask = '255.255.255.0';
    const cases: [Partial<WantedService>, Partial<IpvsService>, string][] = [
      [{ flags: ['flag-2'] }, {}, 'no flags instead of flag-2'],
      [{}, { flags: ['flag-1', 'ops'] }, 'flag-1 and ops instead of no flags'],
      [
        { persistence: { timeoutSeconds: 3600, netmask } },
        persistent,
        'persistence of 360 s with netmask 255.255.255.255 instead of persistence of 3600 s with netmask 255.255.255.0',
      ],
    ];
    for (const [should, has, why] of cases) {
      const [difference, ...others] = compareKernel([wanted(should)], [{ ...heldOf(1), ...has }], noneOut);
      expect(others).to.deep.equal([]);
      expect(difference).to.deep.equal({
        kind: 'set-service',
        service: { ...heldOf(1), ...should },
        why: `FWM 1 has ${why}`,
      });
      const [missing] = compareKernel([wanted(should)], [], noneOut);
      expect(missing?.service, 'when it is missing').to.deep.equal({ ...heldOf(1), ...should });
    }
  });

  it('deletes every service that is not ours', () => {
    const held: IpvsService[] = [
      heldOf(1, heldServer(1)),
      heldOf(9),
      { ...heldOf(1), family: 6 },
      {
        family: 4,
        protocol: 'TCP',
        address: '10.9.9.9',
        port: 80,
        scheduler: 'rr',
        flags: [],
        destinations: [],
      },
    ];
    expect(tell(compareKernel([wantedOf(1, wantedServer(1))], held, noneOut))).to.deep.equal([
      'delete-service: FWM 9 is not ours',
      'delete-service: FWM 1 IPv6 is not ours',
      'delete-service: TCP 10.9.9.9:80 is not ours',
    ]);
  });

  describe('a server that a check took out', () => {
    const out = new Set(['1 10.0.0.1:80']);
    const other = heldServer(2);
    const compare = (server: WantedDestination, ...held: IpvsDestination[]) =>
      tell(compareKernel([wantedOf(1, server, wantedServer(2))], [heldOf(1, other, ...held)], out));

    it('is rightly absent, or there with weight 0, and never put back', () => {
      expect(compare(wantedServer(1))).to.deep.equal([]);
      expect(compare(wantedServer(1), heldServer(1, 0))).to.deep.equal([]);
    });

    it('is a difference when it is there with its weight', () => {
      expect(compare(wantedServer(1), heldServer(1))).to.deep.equal([
        'delete-destination: FWM 1 -> 10.0.0.1:80 failed its health check and is still there',
      ]);
    });

    it('is set to 0 instead where the template says inhibit_on_failure', () => {
      expect(compare({ ...wantedServer(1), inhibitOnFailure: true }, heldServer(1))).to.deep.equal([
        'set-destination: FWM 1 -> 10.0.0.1:80 has weight 1 instead of 0',
      ]);
    });

    it('counts for its own mark only', () => {
      const differences = compareKernel([wantedOf(2, wantedServer(1))], [heldOf(2)], out);
      expect(tell(differences)).to.deep.equal(['add-destination: FWM 2 -> 10.0.0.1:80 is missing']);
    });
  });

  it('a draining server that is missing is added with weight 0', () => {
    const [difference] = compareKernel([wantedOf(1, wantedServer(1, 0))], [heldOf(1)], noneOut);
    expect(difference?.kind === 'add-destination' && difference.destination.weight).to.equal(0);
  });

  it('carried out one by one, leaves nothing that differs', () => {
    const octets = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 6 });
    const weight = fc.constantFrom(0, 1, 5);
    const flags = fc.constantFrom<ServiceFlag[]>([], ['flag-2'], ['flag-2', 'ops']);
    const wanted = fc.uniqueArray(
      fc.record({
        mark: fc.integer({ min: 1, max: 4 }),
        scheduler: fc.constantFrom('lc', 'rr'),
        flags,
        realServers: octets.chain((all) =>
          fc.tuple(...all.map((octet) => weight.map((w) => wantedServer(octet, w)))),
        ),
      }),
      { selector: ({ mark }) => mark },
    );
    const held = fc.uniqueArray(
      fc.record({
        family: fc.constantFrom(4 as const, 6 as const),
        mark: fc.integer({ min: 1, max: 5 }),
        scheduler: fc.constantFrom('lc', 'rr'),
        flags,
        destinations: octets.chain((all) =>
          fc.tuple(...all.map((octet) => weight.map((w) => heldServer(octet, w)))),
        ),
      }),
      { selector: ({ family, mark }) => `${family} ${mark}` },
    );
    const out = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 8 })));
    fc.assert(
      fc.property(wanted, held, out, (wanted, held, out) => {
        const checkedOut = new Set(out.map(([mark, octet]) => `${mark} 10.0.0.${octet}:80`));
        const after = carryOut(held, compareKernel(wanted, held, checkedOut));
        expect(tell(compareKernel(wanted, after, checkedOut))).to.deep.equal([]);
        expect(after.map(({ mark }) => mark).sort()).to.deep.equal(wanted.map(({ mark }) => mark).sort());
        for (const service of after)
          for (const { address, weight } of service.destinations)
            if (checkedOut.has(`${service.mark} ${address}:80`)) expect(weight).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });
});
