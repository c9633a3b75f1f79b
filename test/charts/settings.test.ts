/** What the chart writes is what the programs read: each rendered settings file goes through their own parser. */
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { parseSettings } from '../../common/settings.ts';
import { natSysctls } from '../../controller/kernel/sysctls.ts';
import { prepareChartTools, runTool, valuesFiles } from '../../lab/charts/tools.ts';

const chart = 'charts/portable-lb';

interface Rendered {
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  data?: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks for tells whether it is there
  spec?: any;
}

function render(...options: string[]): Rendered[] {
  const { code, text, all } = runTool('helm', ['template', 'web', chart, '--namespace', 'lb', ...options]);
  expect(code, all).to.equal(0);
  return loadAll(text).filter((each) => each !== null && each !== undefined) as Rendered[];
}

function settingsOf(objects: Rendered[]) {
  return objects.flatMap(({ metadata, data }) => {
    const text = data?.['settings.yaml'];
    if (text === undefined) return [];
    const { settings, problems } = parseSettings(text, metadata.name);
    if (settings === undefined) throw new Error(problems.map(({ message }) => message).join('\n'));
    return [settings];
  });
}

function podTemplate(objects: Rendered[]) {
  return objects.find(({ kind }) => kind === 'Deployment')?.spec.template;
}

const least = `${chart}/ci/least-values.yaml`;
const set = (...pairs: string[]) => pairs.flatMap((pair) => ['--set-json', pair]);

describe('settings of the chart portable-lb', () => {
  before(async function prepare() {
    this.timeout('30m');
    await prepareChartTools();
  });

  for (const values of valuesFiles(chart))
    it(`are accepted by the programs with ${values}`, () => {
      const all = settingsOf(render('--values', values));
      expect(all).not.to.be.empty;
      // the hook's are the same as the LB pods'
      for (const other of all) expect(other).to.deep.equal(all[0]);
    });

  it('carry each value under its own name', () => {
    const [settings] = settingsOf(render('--values', `${chart}/ci/all-values.yaml`));
    expect(settings).to.deep.equal({
      service: { name: 'web', namespace: 'shop' },
      vip: {
        prefixes: ['203.0.113.16/28', '198.51.100.7/32'],
        addresses: ['203.0.113.20'],
        unmatched: 'drop',
      },
      forwarding: { method: 'nat' },
      scheduler: 'mh',
      realServer: { weight: 3, upperThreshold: 1000, lowerThreshold: 500 },
      healthCheck: {
        type: 'http',
        connectTimeoutSeconds: 2,
        delayLoopSeconds: 3,
        http: { path: '/ready', statusCode: 204 },
        udp: { payloadHex: 'ff00', requireReply: true },
      },
      drain: { seconds: 120 },
      endpoints: { source: 'kubernetes', files: { directory: '/etc/portable-lb/manifests' } },
      lease: { seconds: 20, holdDownSeconds: 5 },
      health: { controllerPort: 10_440, sidecarPort: 10_441 },
      bgp: {
        localAS: 4_200_000_000,
        holdSeconds: 30,
        nextHop: 'podIP',
        communities: ['64512:100', '64512:200'],
        lastResortSeconds: 60,
        peers: [
          {
            address: '10.0.0.251',
            port: 1179,
            peerAS: 4_200_000_000,
            passwordFile: '/etc/portable-lb-bgp/bgp-password/password',
          },
          {
            host: 'route-reflector.lb.svc',
            port: 179,
            peerAS: 4_200_000_000,
            passwordFile: '/etc/portable-lb-bgp/of-this-one/md5',
          },
        ],
      },
    });
  });

  it('have the defaults of the programs where the chart has one too', () => {
    const [settings] = settingsOf(render('--values', least));
    const { settings: defaults } = parseSettings(
      'service: { name: web, namespace: lb }\nvip: { prefixes: [203.0.113.0/28] }\nendpoints: { source: kubernetes }\nbgp: { localAS: 64512, peers: [{ host: route-reflector.lb.svc }] }',
      'defaults',
    );
    expect(settings).to.deep.equal(defaults);
  });

  const odd: [string, string[]][] = [
    ['hexadecimal digits that look like a number', ['healthCheck.udp={"payloadHex":"00"}']],
    ['a payload that looks like a float', ['healthCheck.udp={"payloadHex":"1e10"}']],
    ['the greatest numbers', ['bgp.localAS=4294967294', 'realServer.upperThreshold=2147483647']],
    [
      'the least numbers',
      ['drain.seconds=0', 'bgp.holdSeconds=0', 'realServer.upperThreshold=0', 'lease.seconds=3'],
    ],
    ['a name of digits', ['service.name="123"', 'service.namespace="0"']],
    ['a name that YAML may take for a word of its own', ['service.name="null"', 'service.namespace="true"']],
    ['a community that looks like a time', ['bgp.communities=["1:30","0:0"]']],
    [
      'a path with what a URL may have',
      ['healthCheck={"type":"http","http":{"path":"/a%20b?c=d&e=1:2,3","statusCode":204}}'],
    ],
  ];
  for (const [what, pairs] of odd)
    it(`survive ${what}`, () => {
      const [settings] = settingsOf(render('--values', least, ...set(...pairs)));
      for (const pair of pairs) {
        const [path = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
        const held = path
          .split('.')
          .reduce<unknown>((all, key) => (all as Record<string, unknown>)[key], settings);
        const wanted: unknown = JSON.parse(value);
        if (typeof wanted === 'object' && !Array.isArray(wanted)) expect(held).to.deep.include(wanted);
        else expect(held).to.deep.equal(wanted);
      }
    });

  it('that are taken up live roll no pod', () => {
    const live = [
      ...['scheduler="sh"', 'lease.seconds=30', 'healthCheck.type="none"', 'vip.unmatched="drop"'],
      ...['bgp.holdSeconds=30', 'bgp.peers=[{"address":"10.9.9.9"}]', 'realServer.weight=2'],
      'templates.files={"ipvs.conf.hbs":"text"}',
    ];
    const before = render('--values', least);
    const after = render('--values', least, ...set(...live));
    expect(settingsOf(after)).not.to.deep.equal(settingsOf(before));
    expect(podTemplate(after)).to.deep.equal(podTemplate(before));
  });

  for (const pair of [
    'service.name="shop"',
    'service.namespace="shop"',
    'vip.prefixes=["198.51.100.0/28"]',
    'drain.seconds=5',
  ])
    it(`that a pod has for its life roll the pods: ${pair}`, () => {
      const after = render('--values', least, ...set(pair));
      expect(podTemplate(after)).not.to.deep.equal(podTemplate(render('--values', least)));
    });

  it('and the sysctls are those that the controller wants', () => {
    const wanted = Object.fromEntries(natSysctls.map(({ name, value }) => [name, value]));
    const deployment = render('--values', least, ...set('sysctls.method="podSecurityContext"')).find(
      ({ kind }) => kind === 'Deployment',
    );
    const given: { name: string; value: string }[] = deployment?.spec.template.spec.securityContext.sysctls;
    expect(Object.fromEntries(given.map(({ name, value }) => [name, value]))).to.deep.equal(wanted);
  });
});
