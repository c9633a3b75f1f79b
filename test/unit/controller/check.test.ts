import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const main = join(import.meta.dirname, '../../../controller/main.ts');
const vip = 'vip: { prefixes: [203.0.113.0/28] }\n';
const served = `${vip}endpoints: { source: kubernetes }\n`;
const byClass = `${served}service: { loadBalancerClass: example.com/lb }\n`;
const byIngress = `${served}service: { namespace: shop, ingressClassName: ipvs }\n`;

const service = (name: string, more = '', namespace = 'default') =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { ports: [{ port: 80 }]${more} }\n`;
const slice = (name: string, address: string, namespace = 'default') =>
  `---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice
metadata: { name: ${name}, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4\nports: [{ port: 8080 }]\nendpoints: [{ addresses: [${address}] }]\n`;
const classed = ', type: LoadBalancer, loadBalancerClass: example.com/lb';
const ingress = (backend: string) =>
  `---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: front, namespace: shop }
spec: { ingressClassName: ipvs, rules: [{ http: { paths: [{ backend: { service: { name: ${backend} } } }] } }] }\n`;

describe('controller --check', function () {
  this.timeout(30_000);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'check-test-'));
    for (const name of ['templates', 'manifests']) mkdirSync(join(directory, name));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const put = (name: string, text: string) => writeFileSync(join(directory, name), text);

  function check(settings: string, ...options: string[]) {
    put('settings.yaml', settings);
    const args = [main, '--check', '--settings', join(directory, 'settings.yaml')];
    args.push('--templates', join(directory, 'templates'), ...options);
    return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, args, (error, stdout, stderr) =>
        resolve({ code: error ? error.code : 0, stdout, stderr }),
      );
    });
  }
  const withManifests = (settings: string) => check(settings, '--manifests', join(directory, 'manifests'));

  it('renders the Service of the manifests that a load balancer class picks, and tells of another', async () => {
    put('manifests/a.yaml', service('plain') + slice('plain', '10.0.0.9'));
    put('manifests/b.yaml', service('web', classed) + slice('web', '10.0.0.1'));
    put('manifests/c.yaml', service('zoo', classed));
    const { code, stdout, stderr } = await withManifests(byClass);
    expect(stderr).to.match(
      /Service default\/zoo has loadBalancerClass example\.com\/lb too, and is refused/,
    );
    expect(stdout)
      .to.match(/^ {4}real_server 10\.0\.0\.1 8080 \{$/m)
      .and.not.contain('10.0.0.9');
    expect(code).to.equal(0);
  });

  it('renders the Service that an Ingress of the class names', async () => {
    put('manifests/all.yaml', service('web', '', 'shop') + slice('web', '10.0.0.1', 'shop') + ingress('web'));
    const { code, stdout } = await withManifests(byIngress);
    expect(stdout).to.match(/^# Service shop\/web, port TCP\/80$/m);
    expect(stdout).to.match(/^ {4}real_server 10\.0\.0\.1 8080 \{$/m);
    expect(code).to.equal(0);
  });

  for (const [what, settings, manifest, words] of [
    [
      'no Service has the class',
      byClass,
      service('web'),
      /^there is no Service of loadBalancerClass example\.com\/lb in namespace default among the manifests/,
    ],
    [
      'the Ingress names a Service that is not there',
      byIngress,
      ingress('gone'),
      /^there is no Service shop\/gone, the Service of the Ingresses of class ipvs in namespace shop, among/,
    ],
  ] as const)
    it(`says so where ${what}`, async () => {
      put('manifests/a.yaml', manifest);
      const { code, stdout, stderr } = await withManifests(settings);
      expect(stderr).to.match(words);
      expect(stdout).to.equal('');
      expect(code).to.equal(1);
    });

  it('renders a sample where the endpoints come from the API server and there are no manifests', async () => {
    for (const settings of [byClass, `${served}service: { name: web, namespace: shop }\n`]) {
      const { code, stdout, stderr } = await check(settings);
      expect(stderr).to.match(/a sample Service is rendered/);
      expect(stdout)
        .to.match(/^virtual_server fwmark 1 \{$/m)
        .and.match(/^ {8}weight 0$/m);
      expect(code).to.equal(0);
    }
  });

  it('refuses a directory of templates that cannot be read', async () => {
    rmSync(join(directory, 'templates'), { recursive: true });
    put('templates', '');
    const { code, stdout, stderr } = await check(byClass);
    expect(stderr).to.match(/templates: cannot be read \(ENOTDIR/);
    expect(stdout).to.equal('');
    expect(code).to.equal(1);
  });

  for (const [what, text, words] of [
    ['throws', '{{nosuch}}', /virtual-service\.conf\.hbs cannot render port UDP\/53: "nosuch"/],
    ['renders nothing', ' ', /no "virtual_server fwmark 1" for port UDP\/53/],
  ] as const)
    it(`refuses with that sample a template that ${what}`, async () => {
      put('templates/virtual-service.conf.hbs', text);
      const { code, stderr } = await check(byClass);
      expect(stderr).to.match(words);
      expect(code).to.equal(1);
    });
});
