import { expect } from 'chai';
import { readConfig } from '../../../node-router/config.ts';
import { parseSettings } from '../../../node-router/settings.ts';

const file = '/etc/portable-lb/node-router.yaml';
const messages = (text: string) =>
  parseSettings(text, file).problems?.map((problem) => problem.message) ?? [];

describe('node router: settings', () => {
  it('takes the least there is and fills in the defaults', () => {
    const { settings } = parseSettings('allowedPrefixes: [203.0.113.0/24]\n', file);
    expect(settings).to.deep.include({
      blackholeSeconds: 9,
      pods: { source: 'files', files: { directory: '/etc/portable-lb/pods' } },
      setMultipathHashPolicy: 'check',
      health: { port: 9442 },
    });
    expect(settings?.allowedPrefixes.map((prefix) => prefix.text)).to.deep.equal(['203.0.113.0/24']);
    expect(settings?.allowedNamespaces).to.equal(undefined);
    expect(settings?.interface).to.equal(undefined);
  });

  it('takes pods from the Kubernetes API', () => {
    const { settings } = parseSettings(
      'allowedPrefixes: [203.0.113.0/24]\npods: { source: kubernetes }',
      file,
    );
    expect(settings?.pods.source).to.equal('kubernetes');
  });

  for (const [what, text, words] of [
    ['no prefixes', '{}', ['allowedPrefixes', 'is missing']],
    ['an empty list of prefixes', 'allowedPrefixes: []', ['allowedPrefixes', 'one or more']],
    [
      'a prefix with host bits',
      'allowedPrefixes: [203.0.113.1/24]',
      ['allowedPrefixes[0]', 'host bits', '203.0.113.0/24'],
    ],
    ['an IPv6 prefix', "allowedPrefixes: ['2001:db8::/64']", ['allowedPrefixes[0]', 'IPv6']],
    [
      'an unknown field',
      'allowedPrefixes: [203.0.113.0/24]\nblackhole: 9',
      ['unknown field "blackhole"', 'blackholeSeconds'],
    ],
    [
      'a number as text',
      'allowedPrefixes: [203.0.113.0/24]\nblackholeSeconds: long',
      ['blackholeSeconds', '"long"', '0 to 3600'],
    ],
    [
      'a wrong source',
      'allowedPrefixes: [203.0.113.0/24]\npods: { source: etcd }',
      ['pods.source', '"etcd"', 'kubernetes or files'],
    ],
    [
      'a wrong policy',
      'allowedPrefixes: [203.0.113.0/24]\nsetMultipathHashPolicy: 1',
      ['setMultipathHashPolicy', 'check or set'],
    ],
    ['a wrong interface', 'allowedPrefixes: [203.0.113.0/24]\ninterface: a/b', ['interface', '"a/b"']],
    ['no YAML', 'allowedPrefixes: [203.0.113.0/24', ['is not valid YAML']],
    ['two documents', 'allowedPrefixes: [203.0.113.0/24]\n---\n{}', ['more than one document']],
  ] as const) {
    it(`refuses ${what} in one message that names the file and the field`, () => {
      const found = messages(text);
      expect(found).to.have.length(1);
      for (const each of [file, ...words]) expect(found[0]).to.include(each);
    });
  }

  it('tells all problems of the file at once', () => {
    expect(messages('blackholeSeconds: -1\nfoo: 1\n')).to.have.length(3);
  });
});

describe('node router: command line and environment', () => {
  const env = { NODE_NAME: 'node-1', NODE_IP: '192.0.2.11' };

  it('knows its node', () => {
    expect(readConfig([], env)).to.deep.equal({
      task: 'run',
      settingsFile: file,
      sysctlDirectory: '/proc/sys',
      daemonSet: '',
      nodeName: 'node-1',
      nodeIP: '192.0.2.11',
      healthPort: undefined,
    });
  });

  it('has the port of its probes from the pod', () => {
    expect(readConfig([], { ...env, HEALTH_PORT: '9442' }).healthPort).to.equal(9442);
    expect(readConfig([], { ...env, HEALTH_PORT: 'x' }).healthPort).to.equal(undefined);
  });

  it('needs no identity to remove its routes', () => {
    expect(readConfig(['--remove-routes'], {}).task).to.equal('remove-routes');
    expect(readConfig(['--remove-routes-of', 'lb/node-router'], {})).to.include({
      task: 'remove-everywhere',
      daemonSet: 'lb/node-router',
    });
  });

  it('stays, once its routes are removed, where its health can be asked', () => {
    expect(readConfig(['--remove-routes', '--stay'], env).task).to.equal('stay-removed');
    expect(() => readConfig(['--remove-routes', '--stay'], {})).to.throw('NODE_NAME is not set');
  });

  it('names what is missing or wrong', () => {
    expect(() => readConfig([], { NODE_IP: '192.0.2.11' })).to.throw('NODE_NAME is not set');
    expect(() => readConfig([], { ...env, NODE_IP: 'node-1' })).to.throw('NODE_IP is "node-1"');
    expect(() => readConfig(['--remove-routes-of', 'node-router'], {})).to.throw('NAMESPACE/DAEMONSET');
    expect(() => readConfig(['--remove'], env))
      .to.throw('--remove')
      .with.property('message')
      .that.includes('usage:');
  });
});
