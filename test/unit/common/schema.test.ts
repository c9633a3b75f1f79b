import { expect } from 'chai';
import fc from 'fast-check';
import { parseManifests } from '../../../common/manifests.ts';
import { show } from '../../../common/schema.ts';
import { parseSettings } from '../../../common/settings.ts';

const ring: unknown[] = [];
ring.push(ring);
const own: Record<string, unknown> = { a: 1 };
own.own = own;
/** Two to the hundredth lists, of a hundred. */
const crowd = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner, inner], 'x');

describe('the words of a value', () => {
  const cases: [value: unknown, words: string][] = [
    ['web', '"web"'],
    ['a "b"\n', '"a \\"b\\"\\n"'],
    [[1, null, true, ['x']], '[1,null,true,["x"]]'],
    [{ name: 'web', ports: [80] }, '{"name":"web","ports":[80]}'],
    [undefined, 'undefined'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [-0, '0'],
    [10n, '10'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new Date('x'), 'no date'],
    [{ toString: 1, toJSON: 'x' }, '{"toString":1,"toJSON":"x"}'],
    [JSON.parse('{"__proto__": {"name": "x"}}'), '{"__proto__":{"name":"x"}}'],
    ['x'.repeat(58), `"${'x'.repeat(58)}"`],
    ['x'.repeat(59), `"${'x'.repeat(56)}...`],
    [ring, `${'['.repeat(57)}...`],
    [crowd, `${'['.repeat(57)}...`],
    [own, `${'{"a":1,"own":'.repeat(5).slice(0, 57)}...`],
  ];
  for (const [value, words] of cases)
    it(words, () => {
      expect(show(value)).to.equal(words);
    });

  it('are those of JSON, cut after sixty characters (property)', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const json = JSON.stringify(value);
        const words = show(value);
        expect(words.length).to.be.at.most(60);
        expect(words).to.equal(json.length <= 60 ? json : `${json.slice(0, 57)}...`);
      }),
    );
  });
});

describe('hostile YAML', () => {
  const bomb = Array.from(
    { length: 9 },
    (_, n) => `a${n}: &a${n} [${Array(10).fill(n === 0 ? 'x' : `*a${n - 1}`)}]\n`,
  ).join('');
  const values = [
    '&a [*a]',
    '&a { x: *a }',
    '.nan',
    '-0',
    '-.inf',
    '2024-01-01',
    '!!timestamp 2024-01-01',
    '!!binary aGVsbG8=',
    '!!set { a, b }',
    '!!js/function "() => 1"',
    '{ __proto__: { name: x } }',
    '{ toString: 1 }',
    '{ constructor: { prototype: 1 } }',
    'constructor',
    '"__proto__"',
    '{ ? { a: b } : c }',
    '"\\0\\e[31m"',
    '*a8',
    '[*a8]',
    '{ x: *a8 }',
    '['.repeat(5000) + ']'.repeat(5000),
  ];
  const settings = [
    'service: V',
    'service: { name: V, namespace: V }',
    'vip: { prefixes: V, addresses: V }',
    'vip: { prefixes: [V], addresses: [V, V] }',
    'realServer: { lowerThreshold: V, upperThreshold: V }',
    'healthCheck: { type: V, http: V }',
    'scheduler: V',
    'health: { controllerPort: &p V, sidecarPort: *p }',
    'bgp: V',
    'bgp: { localAS: V, nextHop: V, peers: V, communities: V }',
    'bgp: { localAS: 1, peers: [{ address: V }, { host: V }], communities: [V, V] }',
  ];
  const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\n';
  const slice = 'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: web }\n';
  const manifests = [
    'V',
    'kind: V',
    'apiVersion: V\nkind: Service',
    'apiVersion: v1\nkind: Service\nmetadata: V',
    'apiVersion: v1\nkind: Service\nmetadata: { name: V, namespace: V }',
    'apiVersion: v1\nkind: Service\nmetadata: { name: web, labels: V, annotations: V }',
    `${service}spec: V`,
    `${service}spec: { ports: [V, { port: V, name: V, protocol: V }] }`,
    `${slice}addressType: V\nendpoints: V\nports: V`,
    `${slice}addressType: IPv4\nendpoints: [{ addresses: V, conditions: V }, { addresses: [V] }]`,
    'apiVersion: v1\nkind: List\nitems: V',
    'apiVersion: v1\nkind: List\nitems: [V]',
  ];
  const filled = (shape: string, value: string) =>
    `${value.includes('*a8') ? bomb : ''}${shape.replace(/\bV\b/g, () => value)}\n`;

  for (const value of values)
    it(`${value.slice(0, 40)}: sentences, wherever it stands, and at once`, () => {
      const startedAtMs = performance.now();
      for (const shape of settings) tellsInSentences(parseSettings(filled(shape, value), 'a.yaml').problems);
      for (const shape of manifests)
        tellsInSentences(parseManifests(filled(shape, value), 'a.yaml').problems);
      expect(performance.now() - startedAtMs).to.be.below(2000);
      expect(({} as { name?: unknown }).name, 'Object.prototype').to.equal(undefined);
    });

  function tellsInSentences(problems: readonly { message: string }[] = []) {
    for (const { message } of problems) {
      expect(message).to.match(/^a\.yaml(:\d+)?: /);
      expect(message).to.match(/accepted: |mend it there|remove one|unknown field/);
    }
  }
});
