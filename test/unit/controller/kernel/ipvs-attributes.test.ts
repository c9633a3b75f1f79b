import { expect } from 'chai';
import type { IpvsDestination, IpvsService } from '../../../../controller/core/types.ts';
import {
  destinationIdentity,
  destinationOf,
  destinationValues,
  identityOf,
  type Message,
  message,
  serviceOf,
  serviceValues,
} from '../../../../controller/kernel/ipvs-attributes.ts';
import * as captured from './captured.ts';

const web: IpvsService = { family: 4, mark: 1, scheduler: 'lc', flags: [], destinations: [] };
const tls: IpvsService = {
  family: 4,
  protocol: 'TCP',
  address: '203.0.113.7',
  port: 443,
  scheduler: 'wrr',
  flags: [],
  persistence: { timeoutSeconds: 300, netmask: '255.255.255.255' },
  destinations: [],
};
const dns: IpvsService = {
  family: 6,
  protocol: 'UDP',
  address: '2001:db8::7',
  port: 53,
  scheduler: 'rr',
  flags: [],
  destinations: [],
};
const server: IpvsDestination = {
  address: '10.42.1.7',
  port: 8080,
  weight: 3,
  method: 'masq',
  upperThreshold: 20000,
  lowerThreshold: 100,
  activeConnections: 0,
  inactiveConnections: 0,
};
const server6: IpvsDestination = {
  ...server,
  address: '2001:db8:1::9',
  port: 53, // ipvsadm gives a tunnelled server the port of the service
  weight: 0,
  method: 'tunnel',
  upperThreshold: 0,
  lowerThreshold: 0,
};

/** Addresses as bytes compare by content and by the length that the kernel reads: IPv4 may be padded or not. */
function plain(part: object): unknown {
  return JSON.parse(
    JSON.stringify(part, (key, value) => {
      if (key === 'address' && value?.type === 'Buffer')
        return Buffer.from(value.data)
          .toString('hex')
          .replace(/(00){12}$/, '');
      return value?.type === 'Buffer' ? Buffer.from(value.data).toString('hex') : value;
    }),
  );
}

describe('kernel: IPVS attributes', () => {
  it('reads virtual services that the kernel tells', () => {
    const read = (bytes: Buffer) => serviceOf(message.decode(bytes).service ?? {});
    expect(read(captured.replyMarkService)).to.deep.equal(web);
    expect(read(captured.replyTcpService)).to.deep.equal(tls);
    expect(read(captured.replyUdp6Service)).to.deep.equal(dns);
  });

  it('reads the 64-bit counters of a virtual service', () => {
    const { service } = message.decode(captured.replyMarkService);
    expect(service?.stats64).to.deep.equal({
      connections: 0,
      inPackets: 0,
      outPackets: 0,
      inBytes: 0,
      outBytes: 0,
    });
    const many = message.encode({ service: { mark: 1, stats64: { inBytes: 2 ** 52 } } });
    expect(message.decode(many as Buffer).service?.stats64).to.deep.equal({ inBytes: 2 ** 52 });
  });

  it('reads real servers that the kernel tells', () => {
    const read = (bytes: Buffer, family: 4 | 6) =>
      destinationOf(message.decode(bytes).destination ?? {}, family);
    expect(read(captured.replyDestination, 4)).to.deep.equal(server);
    expect(read(captured.replyDestination6, 6)).to.deep.equal(server6);
  });

  it('takes the family of the service where the kernel does not tell that of the server', () => {
    const { destination } = message.decode(captured.replyDestination6);
    const { family: _, ...untold } = destination ?? {};
    expect(destinationOf(untold, 6).address).to.equal('2001:db8:1::9');
  });

  const sent = (content: Message) => message.decode(Buffer.from(message.encode(content)));

  it('asks for a new virtual service as ipvsadm does', () => {
    for (const [service, bytes] of [
      [web, captured.requestNewMarkService],
      [tls, captured.requestNewTcpService],
    ] as const) {
      const theirs = message.decode(bytes);
      const ours = sent({ service: serviceValues(service) });
      // ours touches only the flags that it means
      expect(Buffer.from(ours.service?.flags ?? []).toString('hex')).to.equal(
        service.persistence ? '010000003d000000' : '000000003d000000',
      );
      const skip = { flags: undefined };
      expect(plain({ service: { ...ours.service, ...skip } })).to.deep.equal(
        plain({ service: { ...theirs.service, ...skip } }),
      );
    }
  });

  it('carries flags and persistence there and back, of both families', () => {
    const flags = ['flag-1', 'flag-2', 'flag-3', 'ops'] as const;
    for (const service of [
      { ...web, flags, persistence: { timeoutSeconds: 3600, netmask: '255.255.255.0' } },
      { ...dns, flags: ['ops' as const], persistence: { timeoutSeconds: 60, netmask: '64' } },
      { ...dns, persistence: { timeoutSeconds: 60, netmask: '128' } },
    ])
      expect(serviceOf(sent({ service: serviceValues(service) }).service ?? {})).to.deep.equal(service);
    const { service } = sent({
      service: serviceValues({
        ...web,
        flags: ['flag-2'],
        persistence: { timeoutSeconds: 1, netmask: '255.255.255.0' },
      }),
    });
    // <linux/ip_vs.h>: IP_VS_SVC_F_PERSISTENT and IP_VS_SVC_F_SCHED2; ip_vs_ctl.c: the netmask is a __be32
    expect(Buffer.from(service?.flags ?? []).toString('hex')).to.equal('110000003d000000');
    expect(Buffer.from(service?.netmask ?? []).toString('hex')).to.equal('ffffff00');
  });

  it('asks for a new real server as ipvsadm does', () => {
    for (const [service, destination, bytes] of [
      [web, server, captured.requestNewDestination],
      [dns, server6, captured.requestNewDestination6],
    ] as const) {
      const ours = sent({ service: identityOf(service), destination: destinationValues(destination) });
      expect(plain({ destination: ours.destination ?? {} })).to.deep.equal(
        plain({ destination: message.decode(bytes).destination ?? {} }),
      );
    }
  });

  it('asks for the real servers of a service with its very bytes', () => {
    const ours = message.encode({ service: identityOf(web) });
    expect(Buffer.from(ours).toString('hex')).to.equal(captured.requestDestinationsOfMark.toString('hex'));
  });

  it('names a real server to delete without what it does not matter', () => {
    expect(Object.keys(sent({ destination: destinationIdentity(server) }).destination ?? {})).to.have.members(
      ['address', 'port', 'family'],
    );
  });
});
