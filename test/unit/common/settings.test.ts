import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseSettings, readSettings, type Settings } from '../../../common/settings.ts';

const least = 'service: { name: web }\nvip: { prefixes: [203.0.113.0/28] }\n';
const announced = `${least}bgp: { localAS: 64512, peers: [{ address: 10.0.0.251 }] }\n`;

function accept(text: string): Settings {
  const { settings, problems } = parseSettings(text, 'settings.yaml');
  if (settings === undefined) throw new Error(problems.map(({ message }) => message).join('\n'));
  return settings;
}

function refuse(text: string): string[] {
  return (parseSettings(text, 'settings.yaml').problems ?? []).map(({ message }) => message);
}

describe('settings', () => {
  it('fills in the defaults of docs/architecture.md', () => {
    expect(accept(announced)).to.deep.equal({
      service: { name: 'web', namespace: 'default' },
      vip: { prefixes: ['203.0.113.0/28'], addresses: ['203.0.113.1'], unmatched: 'reject' },
      forwarding: { method: 'nat' },
      scheduler: 'lc',
      realServer: { weight: 1, upperThreshold: 20_000, lowerThreshold: 0 },
      healthCheck: { type: 'tcp', connectTimeoutSeconds: 5, delayLoopSeconds: 5 },
      drain: { seconds: 30 },
      endpoints: { source: 'files', files: { directory: '/etc/portable-lb/manifests' } },
      lease: { seconds: 60, holdDownSeconds: 2 },
      health: { controllerPort: 9440, sidecarPort: 9441 },
      bgp: {
        localAS: 64_512,
        holdSeconds: 9,
        nextHop: 'nodeIP',
        communities: [],
        lastResortSeconds: 300,
        peers: [{ address: '10.0.0.251', port: 179, peerAS: 64_512 }],
      },
    });
    expect(accept(least).bgp).to.equal(undefined);
  });

  it('takes every field', () => {
    const text = `
service: { name: web, namespace: shop }
vip: { prefixes: [203.0.113.0/28, 198.51.100.7/32], unmatched: drop }
forwarding: { method: nat }
scheduler: mh
realServer: { weight: 3, upperThreshold: 0 }
healthCheck:
  type: http
  connectTimeoutSeconds: 2
  delayLoopSeconds: 1
  http: { path: "/health?x=%20&y=1", statusCode: 204 }
  udp: { payloadHex: "00ff", requireReply: true }
drain: { seconds: 0 }
endpoints: { source: files, files: { directory: /srv/manifests } }
lease: { seconds: 5, holdDownSeconds: 0 }
health: { controllerPort: 1, sidecarPort: 65535 }
bgp:
  localAS: 4200000000
  holdSeconds: 0
  nextHop: 10.0.0.9
  communities: [64512:100, "65535:65281"]
  lastResortSeconds: 0
  peers: [{ address: 10.0.0.251, port: 1790, peerAS: 4200000000, passwordFile: /etc/portable-lb/bgp-password }]
`;
    const settings = accept(text);
    expect(settings.healthCheck.http).to.deep.equal({ path: '/health?x=%20&y=1', statusCode: 204 });
    expect(settings.bgp?.communities).to.deep.equal(['64512:100', '65535:65281']);
    expect(accept(JSON.stringify(settings))).to.deep.equal(settings);
  });

  it('takes a Service by class, and addresses of the prefixes', () => {
    const rest =
      'vip: { prefixes: [203.0.113.0/28], addresses: [203.0.113.5] }\nendpoints: { source: kubernetes }\n';
    const byClass = accept(`service: { loadBalancerClass: portable-lb.io/web }\n${rest}`);
    expect(byClass.service).to.deep.equal({ namespace: 'default', loadBalancerClass: 'portable-lb.io/web' });
    expect(byClass.vip.addresses).to.deep.equal(['203.0.113.5']);
    const byIngress = accept(`service: { namespace: shop, ingressClassName: ipvs }\n${rest}`);
    expect(byIngress.service).to.deep.equal({ namespace: 'shop', ingressClassName: 'ipvs' });
    expect(accept(JSON.stringify(byIngress))).to.deep.equal(byIngress);
  });

  const badService: [string, string][] = [
    ['{ namespace: shop }', 'service.name: is missing; accepted: exactly one of name, loadBalancerClass and'],
    [
      '{ name: web, ingressClassName: ipvs }',
      'service.ingressClassName: is there beside name; accepted: exactly one',
    ],
    ['{ loadBalancerClass: "a b" }', 'service.loadBalancerClass: is "a b"; accepted: a load balancer class'],
    ['{ ingressClassName: A }', 'service.ingressClassName: is "A"; accepted: the name of an IngressClass'],
  ];
  for (const [service, message] of badService)
    it(`refuses the Service ${service}`, () =>
      expectOne(
        `service: ${service}\nvip: { prefixes: [203.0.113.0/28] }\nendpoints: { source: kubernetes }\n`,
        message,
      ));

  it('refuses a class without the API server', () =>
    expectOne(
      'service: { loadBalancerClass: a/b }\nvip: { prefixes: [203.0.113.0/28] }\n',
      'service.loadBalancerClass: needs the API server; accepted: only with endpoints.source kubernetes',
    ));

  const badAddresses: [string, string][] = [
    ['[203.0.113.16]', '[0]: is "203.0.113.16", outside of vip.prefixes; accepted: an address within one'],
    ['[203.0.113.1, 203.0.113.1]', '[1]: "203.0.113.1" is there a second time'],
    ['203.0.113.1', ': is "203.0.113.1"; accepted: a list of IPv4 addresses'],
  ];
  for (const [addresses, message] of badAddresses)
    it(`refuses the addresses ${addresses}`, () =>
      expectOne(
        `service: { name: web }\nvip: { prefixes: [203.0.113.0/28], addresses: ${addresses} }\n`,
        `vip.addresses${message}`,
      ));

  it('takes peers by name beside peers by address', () => {
    const bgp =
      'bgp: { localAS: 64512, peers: [{ address: 10.0.0.251 }, { host: reflector.lb. }, { host: r }] }';
    expect(accept(`${least}${bgp}\n`).bgp?.peers).to.deep.equal([
      { address: '10.0.0.251', port: 179, peerAS: 64_512 },
      { host: 'reflector.lb.', port: 179, peerAS: 64_512 },
      { host: 'r', port: 179, peerAS: 64_512 },
    ]);
  });

  it('gives an HTTP check its defaults', () => {
    expect(accept(`${least}healthCheck: { type: http }\n`).healthCheck.http).to.deep.equal({
      path: '/healthz',
      statusCode: 200,
    });
  });

  // what is added to good settings → the one message
  const bad: [string, string][] = [
    ['colour: red', 'the whole: unknown field "colour"; accepted: service, vip, forwarding, '],
    ['drain: { seconds: 3, minutes: 2 }', 'drain: unknown field "minutes"; accepted: seconds'],
    ['drain: { seconds: -1 }', 'drain.seconds: is -1; accepted: a whole number from 0 to 3600'],
    ['drain: { seconds: "30" }', 'drain.seconds: is "30"; accepted: a whole number from 0 to 3600'],
    ['drain: { seconds: 1.5 }', 'drain.seconds: is 1.5; accepted: a whole number'],
    [
      'lease: { holdDownSeconds: 301 }',
      'lease.holdDownSeconds: is 301; accepted: a whole number from 0 to 300',
    ],
    ['lease: { seconds: 2 }', 'lease.seconds: is 2; accepted: a whole number from 3 to 3600'],
    [
      'realServer: { upperThreshold: 5, lowerThreshold: 6 }',
      'realServer.lowerThreshold: is 6, above upperThreshold 5; accepted: a number up to upperThreshold',
    ],
    ['realServer: { weight: 0 }', 'realServer.weight: is 0; accepted: a whole number from 1 to 65535'],
    [
      'forwarding: { method: tunnel }',
      'forwarding.method: is "tunnel", which is not served yet; accepted: nat',
    ],
    ['forwarding: { method: ipip }', 'forwarding.method: is "ipip"; accepted: nat'],
    ['endpoints: { source: etcd }', 'endpoints.source: is "etcd"; accepted: files or kubernetes'],
    [
      'endpoints: { files: { directory: manifests } }',
      'endpoints.files.directory: is "manifests"; accepted: an absolute path',
    ],
    ['scheduler: "lc }"', 'scheduler: is "lc }"; accepted: the name of an IPVS scheduler'],
    [
      'scheduler: sixteen-letters-',
      'scheduler: is "sixteen-letters-"; accepted: the name of an IPVS scheduler',
    ],
    [
      'healthCheck: { http: { path: / } }',
      'healthCheck.http: is there with type "tcp"; accepted: only with type http',
    ],
    [
      'healthCheck: { type: http, http: { path: "/a b" } }',
      'healthCheck.http.path: is "/a b"; accepted: the path of a URL',
    ],
    [
      'healthCheck: { type: http, http: { path: "/a\\n}" } }',
      'healthCheck.http.path: is "/a\\n}"; accepted: the path of a URL',
    ],
    [
      'healthCheck: { type: http, http: { path: "/%zz" } }',
      'healthCheck.http.path: is "/%zz"; accepted: the path of a URL',
    ],
    [
      'healthCheck: { type: http, http: { path: "/$X" } }',
      'healthCheck.http.path: is "/$X"; accepted: the path of a URL',
    ],
    [
      'healthCheck: { udp: { payloadHex: 00 } }',
      'healthCheck.udp.payloadHex: is 0; accepted: 1 to 255 bytes as hexadecimal digits, in quotes',
    ],
    [
      'healthCheck: { udp: { payloadHex: "0g" } }',
      'healthCheck.udp.payloadHex: is "0g"; accepted: 1 to 255 bytes',
    ],
    [
      'health: { sidecarPort: 9440 }',
      'health.sidecarPort: is 9440, as controllerPort is; accepted: a port of its own',
    ],
    ['health: { sidecarPort: 70000 }', 'health.sidecarPort: is 70000; accepted: a port from 1 to 65535'],
    ['drain:', 'drain: is null; accepted: an object with the fields seconds'],
  ];
  for (const [added, message] of bad) {
    it(`refuses ${added}`, () => expectOne(`${least}${added}\n`, message));
  }

  const badPrefixes: [string, string][] = [
    [
      '[203.0.113.1/28]',
      '[0]: "203.0.113.1/28" has host bits set; the network is 203.0.113.0/28; accepted: IPv4 prefixes',
    ],
    ['[203.0.113.1]', '[0]: "203.0.113.1" has no length; a single address is 203.0.113.1/32; accepted: '],
    ['["2001:db8::/64"]', '[0]: "2001:db8::/64" is IPv6, which is not served yet; accepted: IPv4 prefixes'],
    [
      '[203.0.113.0/24, 203.0.113.16/28]',
      '[1]: "203.0.113.16/28" overlaps "203.0.113.0/24"; accepted: prefixes of which none overlaps',
    ],
    ['[203.0.113.0/24, 203.0.113.0/24]', '[1]: "203.0.113.0/24" overlaps "203.0.113.0/24"'],
    ['[0.0.0.0/0]', '[0]: "0.0.0.0/0" overlaps 0.0.0.0/8, which no client can reach'],
    ['[]', ': is []; accepted: a list of one or more IPv4 prefixes'],
    ['203.0.113.0/28', ': is "203.0.113.0/28"; accepted: a list of IPv4 prefixes'],
  ];
  for (const [prefixes, message] of badPrefixes) {
    it(`refuses the prefixes ${prefixes}`, () =>
      expectOne(`service: { name: web }\nvip: { prefixes: ${prefixes} }\n`, `vip.prefixes${message}`));
  }

  it('refuses mixed families by the IPv6 one, in one message', () =>
    expectOne(
      'service: { name: web }\nvip: { prefixes: [203.0.113.0/28, "2001:db8::/64"] }\n',
      'vip.prefixes[1]: "2001:db8::/64" is IPv6, which is not served yet; accepted: IPv4 prefixes',
    ));

  const badBgp: [string, string][] = [
    [
      'peers: [{ address: 10.0.0.1, peerAS: 64513 }]',
      'peers[0].peerAS: is 64513, another AS than localAS: such sessions (eBGP) are not served yet; accepted: 64512',
    ],
    [
      'peers: [{ address: 10.0.0.1 }, { address: 10.0.0.1, port: 1790 }]',
      'peers[1]: "10.0.0.1" is there a second time; accepted: a peer once',
    ],
    ['peers: []', 'peers: is []; accepted: a list of one or more peers'],
    ['peers: [{ port: 179 }]', 'peers[0]: has neither address nor host; accepted: one of the two'],
    [
      'peers: [{ address: 10.0.0.1, host: reflector }]',
      'peers[0]: has both address and host; accepted: one of the two',
    ],
    [
      'peers: [{ host: reflector.lb }, { host: reflector.lb., port: 1790 }]',
      'peers[1]: "reflector.lb" is there a second time; accepted: a peer once',
    ],
    [
      'peers: [{ host: 10.0.0.1 }]',
      'peers[0].host: is "10.0.0.1", which belongs under address; accepted: a DNS name',
    ],
    ['peers: [{ host: "a b" }]', 'peers[0].host: is "a b"; accepted: a DNS name'],
    ['peers: [{ host: a..b }]', 'peers[0].host: is "a..b"; accepted: a DNS name'],
    ['peers: [{ host: 10.1.2 }]', 'peers[0].host: is "10.1.2"; accepted: a DNS name'],
    ['peers: [{ host: 4 }]', 'peers[0].host: is 4; accepted: a DNS name'],
    ['peers: [{ address: reflector }]', 'peers[0].address: is "reflector"'],
    [
      'peers: [{ address: "::1" }]',
      'peers[0].address: is "::1", IPv6, which is not served yet; accepted: an IPv4 address',
    ],
    [
      'peers: [{ address: 203.0.113.3 }]',
      'peers[0].address: is "203.0.113.3", within the VIP prefix 203.0.113.0/28; accepted: an address outside',
    ],
    [
      'peers: [{ address: 10.0.0.1, password: secret }]',
      'peers[0]: unknown field "password"; accepted: address, host, port, peerAS, passwordFile',
    ],
    ['holdSeconds: 2', 'holdSeconds: is 2; accepted: 0, or a whole number from 3 to 65535 (RFC 4271)'],
    ['holdSeconds: 65536', 'holdSeconds: is 65536; accepted: 0, or a whole number from 3 to 65535'],
    ['nextHop: self', 'nextHop: is "self"; accepted: nodeIP, podIP or an IPv4 address'],
    ['nextHop: 203.0.113.3', 'nextHop: is "203.0.113.3", within the VIP prefix 203.0.113.0/28'],
    [
      'communities: ["64512:65536"]',
      'communities[0]: is "64512:65536"; accepted: a community of two numbers from 0 to 65535',
    ],
    ['communities: [no-export]', 'communities[0]: is "no-export"; accepted: a community'],
    ['communities: ["65535:0"]', 'communities[0]: is GRACEFUL_SHUTDOWN, which marks the last resort'],
    ['communities: ["1:1", "1:1"]', 'communities[1]: "1:1" is there a second time'],
    ['lastResortSeconds: -1', 'lastResortSeconds: is -1; accepted: a whole number from 0 to 86400'],
    ['localAS: 0', 'localAS: is 0; accepted: an AS number'],
    ['localAS: 23456', 'localAS: is 23456; accepted: an AS number'],
  ];
  for (const [field, message] of badBgp) {
    it(`refuses bgp with ${field}`, () => {
      const good = ['localAS: 64512', 'peers: [{ address: 10.0.0.251 }]'].filter(
        (each) => each.split(':')[0] !== field.split(':')[0],
      );
      expectOne(`${least}bgp:\n  ${[...good, field].join('\n  ')}\n`, `bgp.${message}`);
    });
  }

  it('tells all problems of a file at once', () => {
    const text = `
service: { name: Web, port: 80 }
vip: { prefixes: [203.0.113.1/28, 10.0.0.0/8, 10.1.0.0/16], unmatched: ignore }
drain: 3
bgp: { localAS: 64512, holdSeconds: 1, peers: [{ address: 10.2.0.1, peerAS: 1 }, 4] }
`;
    expect(refuse(text).map((message) => message.split(': ')[1])).to.have.members([
      'service.name',
      'service',
      'vip.prefixes[0]',
      'vip.prefixes[2]',
      'vip.unmatched',
      'drain',
      'bgp.holdSeconds',
      'bgp.peers[0].peerAS',
      'bgp.peers[0].address',
      'bgp.peers[1]',
    ]);
  });

  it('refuses what is not one YAML document, with the line', () => {
    expectOne('service: { name: web\nvip: 3\n', ':2: is not valid YAML or JSON: ');
    expectOne('a: 1\na: 2\n', ':2: is not valid YAML or JSON: duplicated mapping key');
    expectOne(`${least}---\n${least}`, 'is not valid YAML or JSON: it has more than one document');
    expectOne('[]', 'the whole: is []; accepted: an object with the fields service, vip');
    expect(refuse('').map((message) => message.split('; ')[0])).to.deep.equal([
      'settings.yaml: service: is missing',
      'settings.yaml: vip: is missing',
    ]);
  });

  describe('of a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'settings-'));
    const file = join(directory, 'settings.yaml');
    after(() => rmSync(directory, { recursive: true }));

    async function refusal(): Promise<string[]> {
      return ((await readSettings(file)).problems ?? []).map(({ message }) => message);
    }

    it('names a file that is not there', async () => {
      expect(await refusal()).to.deep.equal([
        `${file}: cannot be read (ENOENT: no such file or directory); create it, or correct the path`,
      ]);
    });

    it('refuses every text that stops before its end', async () => {
      for (let length = 0; length < announced.length; length++) {
        const text = announced.slice(0, length);
        if (text.endsWith('}\n') && text !== announced) continue; // whole lines, which nobody can tell from a whole file
        writeFileSync(file, text);
        expect(await refusal(), JSON.stringify(text)).to.have.length(1);
      }
      writeFileSync(file, announced);
      expect((await readSettings(file)).settings?.service.name).to.equal('web');
    });
  });
});

/** One message, which begins with the file's name and then this. */
function expectOne(text: string, beginning: string): void {
  const messages = refuse(text);
  expect(messages, messages.join('\n')).to.have.length(1);
  const said = (messages[0] ?? '').replace(/^settings\.yaml(: )?/, '');
  expect(said.slice(0, beginning.length)).to.equal(beginning);
}
