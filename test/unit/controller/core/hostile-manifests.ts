/** Services and EndpointSlices in which anything may stand, good enough that much of it is served. */
import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import fc from 'fast-check';

const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '}',
    '{',
    '\n}\n',
    '#',
    '!',
    '"',
    "'",
    '\\',
    '\r\n',
    '@',
    '$X=1',
    '$' + '{_PWD}',
    '~SEQ(a,1,9)',
    ' ',
    '\u0000',
    '\u2028',
    '__proto__',
  ),
  fc.constantFrom(
    'http\nreal_server 6.6.6.6 80 {\n}',
    '10.0.0.1 80 {\n}\nreal_server 6.6.6.6',
    '{{mark}}',
    'constructor',
  ),
);
const text = fc.oneof(
  nasty,
  fc.array(nasty, { maxLength: 4 }).map((parts) => parts.join('')),
);
const anything = fc.oneof(text, fc.anything());
const address = fc.oneof({ weight: 3, arbitrary: fc.ipV4() }, { weight: 2, arbitrary: text }, anything);
const number = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 65535 }) }, fc.double(), anything);
const port = fc.record({
  name: fc.oneof(fc.constantFrom('http', 'dns'), anything),
  port: number,
  protocol: fc.oneof(fc.constantFrom('TCP', 'UDP', 'SCTP', undefined), anything),
});
const slice = fc.record({
  metadata: fc.record({
    name: anything,
    namespace: fc.constant('default'),
    labels: fc.constant({ 'kubernetes.io/service-name': 'web' }),
  }),
  addressType: fc.oneof({ weight: 5, arbitrary: fc.constant('IPv4') }, anything),
  ports: fc.array(fc.option(port), { maxLength: 4 }),
  endpoints: fc.array(
    fc.option(
      fc.record({
        addresses: fc.option(fc.array(address, { maxLength: 2 })),
        conditions: fc.option(fc.record({ ready: anything })),
      }),
    ),
  ),
});

export const hostileManifests: fc.Arbitrary<{ service: V1Service; slices: V1EndpointSlice[] }> = fc
  .tuple(fc.array(fc.option(port), { maxLength: 5 }), fc.array(slice, { maxLength: 4 }))
  .map(([ports, slices]) => {
    const matching = slices.map((one) => ({
      ...one,
      ports: [...one.ports, ...ports.map((same) => same && { ...same })],
    }));
    return { service: { metadata: { name: 'web' }, spec: { ports } }, slices: matching } as never;
  });
