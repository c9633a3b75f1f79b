import { expect } from 'chai';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { parseManifests } from '../../../common/manifests.ts';

const service = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
`;
const slice = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-x7k2p, namespace: default, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: "", port: 8080 }]
endpoints:
  - addresses: [10.1.0.1]
    conditions: { ready: true, serving: null }
    nodeName: node-1
  - addresses: [10.1.0.2]
`;

function refusals(text: string): string[] {
  return parseManifests(text, 'web.yaml').problems.map(({ message }) => message);
}

describe('manifests', () => {
  it('reads many documents, fills in namespace and protocol, keeps what it does not use', () => {
    const { objects, problems } = parseManifests(`${service}---\n---${slice}`, 'web.yaml');
    expect(problems).to.deep.equal([]);
    expect(objects).to.deep.equal([
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: { ports: [{ port: 80, protocol: 'TCP' }] },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: 'web-x7k2p',
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'web' },
        },
        addressType: 'IPv4',
        ports: [{ name: '', port: 8080, protocol: 'TCP' }],
        endpoints: [
          { addresses: ['10.1.0.1'], conditions: { ready: true, serving: null }, nodeName: 'node-1' },
          { addresses: ['10.1.0.2'] },
        ],
      },
    ]);
  });

  it('reads lists of kubectl and of the API, and null for an empty list', () => {
    const items = [{ metadata: { name: 'a' }, addressType: 'IPv4', endpoints: null, ports: null }];
    const ofApi = parseManifests(
      JSON.stringify({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSliceList', metadata: {}, items }),
      'a.json',
    );
    const whole = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', ...items[0] };
    const ofKubectl = parseManifests(
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [whole] }),
      'a.json',
    );
    expect(ofApi).to.deep.equal(ofKubectl);
    expect(ofApi.objects).to.deep.equal([
      { ...whole, metadata: { name: 'a', namespace: 'default' }, endpoints: [], ports: [] },
    ]);
  });

  it('leaves out kinds that are not used', () => {
    const others = 'apiVersion: apps/v1\nkind: Deployment\nspec: 3\n---\napiVersion: v1\nkind: constructor\n';
    expect(parseManifests(others, 'a.yaml')).to.deep.equal({ objects: [], problems: [] });
    expect(parseManifests('# nothing yet\n', 'a.yaml')).to.deep.equal({ objects: [], problems: [] });
  });

  it('names file, document, object and field of every fault at once', () => {
    const bad = slice
      .replace('10.1.0.2', '10.1.0.')
      .replace('port: 8080', 'port: 0')
      .replace('ready: true', 'ready: "yes"');
    const where = 'web.yaml: document 2 EndpointSlice default/web-x7k2p: ';
    expect(refusals(`${service}---${bad}`)).to.have.members([
      `${where}endpoints[0].conditions.ready: is "yes"; accepted: true or false`,
      `${where}endpoints[1].addresses[0]: is "10.1.0."; accepted: an IPv4 address`,
      `${where}ports[0].port: is 0; accepted: a port from 1 to 65535`,
    ]);
  });

  const bad: [string, string, string][] = [
    [
      service.replace('port: 80', 'port: 65536'),
      'Service default/web',
      'spec.ports[0].port: is 65536; accepted: a port from 1 to 65535',
    ],
    [
      service.replace('port: 80', 'port: http'),
      'Service default/web',
      'spec.ports[0].port: is "http"; accepted: a port from 1 to 65535',
    ],
    [
      service.replace('{ port: 80 }', '{ port: 80, protocol: tcp }'),
      'Service default/web',
      'spec.ports[0].protocol: is "tcp"; accepted: TCP, UDP or SCTP',
    ],
    [
      service.replace('{ port: 80 }', '{ port: 80, name: "a}" }'),
      'Service default/web',
      'spec.ports[0].name: is "a}"; accepted: 1 to 63 lower-case',
    ],
    [
      service.replace('{ port: 80 }', '{ port: 80, name: a }, { port: 80, name: b }'),
      'Service default/web',
      'spec.ports[1].port: is 80/TCP a second time; accepted: each once',
    ],
    [
      service.replace('{ port: 80 }', '{ port: 80, name: a }, { port: 81, name: a }'),
      'Service default/web',
      'spec.ports[1].name: is "a" a second time',
    ],
    [
      service.replace('{ port: 80 }', '{ port: 80, name: a }, { port: 81 }'),
      'Service default/web',
      'spec.ports[1].name: is missing; accepted: a name for each port',
    ],
    [
      service.replace('name: web', 'name: We_b'),
      'Service default/We_b',
      'metadata.name: is "We_b"; accepted: 1 to 63',
    ],
    [
      service.replace('name: web', 'labels: {}'),
      'Service without a name',
      'metadata.name: is missing; accepted: 1 to 63',
    ],
    [
      service.replace('name: web', 'name: web, namespace: "a/b"'),
      'Service a/b/web',
      'metadata.namespace: is "a/b"; accepted: 1 to 63',
    ],
    [service.replace(/spec.*/, ''), 'Service default/web', 'spec: is missing; accepted: an object'],
    [service.replace('apiVersion: v1', ''), 'Service default/web', 'apiVersion: is missing; accepted: v1'],
    [service.replace('v1', 'apps/v1'), 'Service default/web', 'apiVersion: is "apps/v1"; accepted: v1'],
    [
      slice.replace('k8s.io/v1', 'k8s.io/v1beta1'),
      'EndpointSlice default/web-x7k2p',
      'apiVersion: is "discovery.k8s.io/v1beta1"; accepted: discovery.k8s.io/v1',
    ],
    [
      slice.replace('addressType: IPv4', 'addressType: ipv4'),
      'EndpointSlice default/web-x7k2p',
      'addressType: is "ipv4"; accepted: IPv4, IPv6 or FQDN',
    ],
    [
      slice.replace('[10.1.0.2]', '[]'),
      'EndpointSlice default/web-x7k2p',
      'endpoints[1].addresses: is []; accepted: at least one address',
    ],
    [
      slice.replace('[10.1.0.2]', '10.1.0.2'),
      'EndpointSlice default/web-x7k2p',
      'endpoints[1].addresses: is "10.1.0.2"; accepted: a list of addresses',
    ],
    [
      slice.replace('[10.1.0.2]', '["10.1.0.2; }"]'),
      'EndpointSlice default/web-x7k2p',
      'endpoints[1].addresses[0]: is "10.1.0.2; }"; accepted: an IPv4 address',
    ],
    [
      'apiVersion: v1\nkind: Pod\nmetadata: { name: lb }\nstatus: { podIP: none }\n',
      'Pod default/lb',
      'status.podIP: is "none"; accepted: an IP address',
    ],
  ];
  for (const [text, object, message] of bad) {
    it(`refuses ${message}`, () => {
      const [first, ...more] = refusals(text);
      expect(first).to.include(`web.yaml: document 1 ${object}: ${message}`);
      expect(more).to.deep.equal([]);
    });
  }

  it('refuses what is no object, and one object twice', () => {
    expect(refusals('- 1\n')).to.deep.equal(['web.yaml: document 1: is [1]; accepted: a Kubernetes object']);
    expect(refusals('a: 1\n')).to.deep.equal([
      'web.yaml: document 1: kind: is missing; accepted: a Kubernetes object, such as kind: Service',
    ]);
    expect(refusals(`${service}---${service}`)).to.deep.equal([
      'web.yaml: document 2 Service default/web: is in this file twice; remove one',
    ]);
  });

  it('names the line of what is no YAML', () => {
    expect(refusals('kind: Service\nmetadata: { name: web\nspec: 1\n')[0]).to.match(
      /^web\.yaml:3: is not valid YAML or JSON: /,
    );
    expect(refusals('{"kind": "Service", "metadata": {"na')[0]).to.match(
      /^web\.yaml:1: is not valid YAML or JSON: /,
    );
  });

  it('reads back what was written, as YAML and as JSON (property)', () => {
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
    const conditions = fc.record(
      { ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() },
      { requiredKeys: [] },
    );
    const port = fc.record({
      name,
      port: fc.integer({ min: 1, max: 65_535 }),
      protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
    });
    const object = fc.oneof(
      fc.record({
        apiVersion: fc.constant('discovery.k8s.io/v1'),
        kind: fc.constant('EndpointSlice'),
        metadata: fc.record({ name, namespace: name, labels: fc.dictionary(name, fc.string()) }),
        addressType: fc.constant('IPv4'),
        ports: fc.array(port, { maxLength: 3 }),
        endpoints: fc.array(
          fc.record({ addresses: fc.array(fc.ipV4(), { minLength: 1, maxLength: 2 }), conditions }),
        ),
      }),
      fc.record({
        apiVersion: fc.constant('v1'),
        kind: fc.constant('Service'),
        metadata: fc.record({ name, namespace: name }),
        spec: fc.record({
          type: fc.constant('ClusterIP'),
          ports: fc.uniqueArray(port, {
            maxLength: 3,
            comparator: (a, b) => a.name === b.name || a.port === b.port,
          }),
        }),
      }),
    );
    const key = (each: { kind: string; metadata: { name: string; namespace: string } }) =>
      `${each.kind} ${each.metadata.namespace}/${each.metadata.name}`;
    fc.assert(
      fc.property(fc.uniqueArray(object, { maxLength: 4, selector: key }), (objects) => {
        const plain = JSON.parse(JSON.stringify(objects)) as unknown[];
        const yaml = plain.map((each) => `---\n${dump(each)}`).join('');
        expect(parseManifests(yaml, 'a.yaml')).to.deep.equal({ objects: plain, problems: [] });
        const json = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: plain });
        expect(parseManifests(json, 'a.json')).to.deep.equal({ objects: plain, problems: [] });
      }),
      { numRuns: 60 },
    );
  });

  it('never throws, whatever the text (property)', () => {
    const shreds = fc.tuple(fc.constantFrom(service, slice), fc.nat(400), fc.string(), fc.nat(400));
    fc.assert(
      fc.property(shreds, ([text, from, inserted, skipped]) => {
        const { objects, problems } = parseManifests(
          text.slice(0, from) + inserted + text.slice(from + skipped),
          'a.yaml',
        );
        expect(objects).to.be.an('array');
        for (const { message } of problems) expect(message).to.match(/^a\.yaml/);
      }),
    );
  });
});
