import { expect } from 'chai';
import type { IpvsService, WantedService } from '../../../controller/core/types.ts';
import { problems } from '../../../controller/kernel/errors.ts';
import type { Ipvs } from '../../../controller/kernel/ipvs.ts';
import { createVerifier } from '../../../controller/verify.ts';

const server = (address: string, weight = 1) => ({
  address,
  port: 8080,
  weight,
  upperThreshold: 0,
  lowerThreshold: 0,
});
const wantedOf = (...addresses: string[]): WantedService => ({
  mark: 1,
  scheduler: 'lc',
  flags: [],
  realServers: addresses.map((address) => ({ ...server(address), inhibitOnFailure: false })),
});
const wanted = [wantedOf('10.0.0.1', '10.0.0.2')];
const destination = (address: string, weight = 1) => ({
  ...server(address, weight),
  method: 'masq' as const,
  activeConnections: 0,
  inactiveConnections: 0,
});
const holding = (...addresses: string[]): IpvsService[] => [
  {
    family: 4,
    mark: 1,
    scheduler: 'lc',
    flags: [],
    destinations: addresses.map((each) => destination(each)),
  },
];

/** A kernel whose content is `states` in turn, the last one from then on, until a repair changes it. */
function fakeKernel(states: IpvsService[][], refuse?: string) {
  const calls: string[] = [];
  let reads = 0;
  let now = 0;
  const change = (name: string) => async (service: IpvsService, server?: { address: string }) => {
    calls.push(`${name} ${server?.address ?? service.mark}`);
    if (refuse) throw new Error(refuse);
    states = [holding('10.0.0.1', '10.0.0.2')];
  };
  const ipvs = {
    services: async () => {
      now += 10;
      return states[Math.min(reads++, states.length - 1)] ?? [];
    },
    addService: change('add-service'),
    addDestination: change('add'),
    setDestination: change('set'),
    deleteDestination: change('delete'),
    deleteService: change('delete-service'),
  } as unknown as Ipvs;
  const verifier = createVerifier({ ipvs: async () => ipvs, checkedOut: () => new Set(), nowMs: () => now });
  return { verifier, calls, reads: () => reads };
}

describe('verify', () => {
  it('looks once and touches nothing when the kernel holds what is wanted', async () => {
    const { verifier, calls, reads } = fakeKernel([holding('10.0.0.1', '10.0.0.2')]);
    const { fault, repaired } = await verifier.verify(wanted, 100);
    expect({ fault, repaired, calls, reads: reads() }).to.deep.equal({
      fault: undefined,
      repaired: [],
      calls: [],
      reads: 1,
    });
  });

  it('waits for keepalived while it is at work', async () => {
    const { verifier, calls } = fakeKernel([[], holding('10.0.0.1'), holding('10.0.0.1', '10.0.0.2')]);
    const { fault } = await verifier.verify(wanted, 100);
    expect({ fault, calls }).to.deep.equal({ fault: undefined, calls: [] });
  });

  it('repairs exactly the entry that stays different, over netlink', async () => {
    const { verifier, calls } = fakeKernel([holding('10.0.0.1')]);
    const { fault, repaired } = await verifier.verify(wanted, 50);
    expect(calls).to.deep.equal(['add 10.0.0.2']);
    expect(repaired.map(({ why }) => why)).to.deep.equal(['FWM 1 -> 10.0.0.2:8080 is missing']);
    expect(fault).to.equal(undefined);
  });

  it('tells what differs and why the repair failed', async () => {
    const { verifier } = fakeKernel([holding('10.0.0.1')], 'operation not permitted');
    const { fault, repaired } = await verifier.verify(wanted, 50);
    expect(repaired).to.deep.equal([]);
    expect(fault).to.equal(
      'IPVS differs from what is wanted in 1 entries, first: FWM 1 -> 10.0.0.2:8080 is missing; repair failed: operation not permitted',
    );
  });

  describe('an address that the kernel takes for that of no host', () => {
    /** A kernel that refuses what ends with .255, and holds all else that is added. */
    function strictKernel() {
      const held = holding();
      const asked: string[] = [];
      let now = 0;
      const ipvs = {
        services: async () => {
          now += 10;
          return held;
        },
        addDestination: async (_service: IpvsService, { address }: { address: string }) => {
          asked.push(address);
          if (address.endsWith('.255')) throw problems.SERVER_ADDRESS_REFUSED(`add ${address}`, 'EINVAL');
          held[0]?.destinations.push(destination(address));
        },
      } as unknown as Ipvs;
      const verifier = createVerifier({
        ipvs: async () => ipvs,
        checkedOut: () => new Set(),
        nowMs: () => now,
      });
      const pass = (ms: number) => {
        now += ms;
      };
      const verify = (...addresses: string[]) => verifier.verify([wantedOf(...addresses)], 20);
      return { verify, asked, pass };
    }
    const refusal = /^IPVS refuses to add 10\.0\.0\.255 \(EINVAL\): its address .* correct the EndpointSlice/;

    it('is left out and told, and is no fault while others serve', async () => {
      const { verify, asked } = strictKernel();
      const { fault, leftOut, repaired } = await verify('10.0.0.1', '10.0.0.255', '10.0.0.2');
      expect(fault).to.equal(undefined);
      expect(leftOut).to.have.length(1);
      expect(leftOut[0]).to.match(refusal);
      expect(repaired.map(({ why }) => why)).to.deep.equal([
        'FWM 1 -> 10.0.0.1:8080 is missing',
        'FWM 1 -> 10.0.0.2:8080 is missing',
      ]);
      expect(asked).to.deep.equal(['10.0.0.1', '10.0.0.255', '10.0.0.2']);
    });

    it('is not tried again but once a minute, and told for as long', async () => {
      const { verify, asked, pass } = strictKernel();
      for (let turn = 0; turn < 5; turn++) {
        const { fault, leftOut } = await verify('10.0.0.1', '10.0.0.255');
        expect({ fault, told: leftOut.length }).to.deep.equal({ fault: undefined, told: 1 });
      }
      expect(asked).to.deep.equal(['10.0.0.1', '10.0.0.255']);
      pass(60_000);
      expect((await verify('10.0.0.1', '10.0.0.255')).leftOut).to.have.length(1);
      expect(asked).to.deep.equal(['10.0.0.1', '10.0.0.255', '10.0.0.255']);
    });

    it('is a fault where there is no other', async () => {
      const { verify } = strictKernel();
      for (let turn = 0; turn < 2; turn++) {
        const { fault, leftOut } = await verify('10.0.0.255');
        expect(fault).to.match(/first: FWM 1 -> 10\.0\.0\.255:8080 is missing; repair failed: IPVS refuses/);
        expect(leftOut).to.deep.equal([]);
      }
    });

    it('is told no more when nobody wants it', async () => {
      const { verify } = strictKernel();
      await verify('10.0.0.1', '10.0.0.255');
      expect((await verify('10.0.0.1')).leftOut).to.deep.equal([]);
    });
  });

  it('what a check takes out while another entry is repaired is no fault', async () => {
    const out = new Set<string>();
    let held = holding('10.0.0.1');
    let repaired = false;
    let reads = 0;
    let now = 0;
    const ipvs = {
      services: async () => {
        now += 10;
        // keepalived takes the server out of the kernel first and tells it to its FIFO a moment later
        if (repaired && ++reads === 3) out.add('1 10.0.0.1:8080');
        return held;
      },
      addDestination: async () => {
        repaired = true;
        held = holding('10.0.0.2');
      },
    } as unknown as Ipvs;
    const verifier = createVerifier({ ipvs: async () => ipvs, checkedOut: () => out, nowMs: () => now });
    const verified = await verifier.verify(wanted, 50);
    expect(verified.fault).to.equal(undefined);
    expect(verified.repaired.map(({ why }) => why)).to.deep.equal(['FWM 1 -> 10.0.0.2:8080 is missing']);
  });
});
