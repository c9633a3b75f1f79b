/** A Service for `--check` where none is at hand: a port of each protocol, with servers that serve and one that drains. */
import { whyNotAServer } from './core/addresses.ts';
import type { ServedSettings, Snapshot } from './core/types.ts';

/** RFC 5737; of three, some are outside of the VIP prefixes. */
const networks = ['192.0.2', '198.51.100', '203.0.113'];
const ports = [
  { name: 'tcp', protocol: 'TCP', port: 80 },
  { name: 'udp', protocol: 'UDP', port: 53 },
];

export function sampleSnapshot({ service, vip }: Pick<ServedSettings, 'service' | 'vip'>): Snapshot {
  const network = networks.find((each) => whyNotAServer(`${each}.1`, vip.prefixes) === undefined) ?? '10.0.0';
  const { name, namespace } = service;
  return {
    service: { metadata: { name, namespace }, spec: { ports } },
    slices: [
      {
        metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports,
        endpoints: [1, 2, 3].map((host) => ({
          addresses: [`${network}.${host}`],
          conditions: { ready: host < 3 },
        })),
      },
    ],
    takenAtMs: 0,
  };
}
