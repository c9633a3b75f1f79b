/** The programs of the images start with a read-only root, as the user and with the capabilities that the charts give. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkout } from '../../lab/images/plan.ts';
import { type Ran, type UnpackedImage, unpackImages } from './unpacked.ts';

const asController = { uid: 0, capabilities: ['net_admin'] };
const asNobody = { uid: 65532 };

const settings = `
service: { name: web, namespace: lb-test }
vip: { prefixes: [203.0.113.0/28] }
endpoints: { source: files, files: { directory: /etc/portable-lb } }
`;

describe('programs of the images', () => {
  let images: Record<string, UnpackedImage>;
  before(async function () {
    this.timeout(600_000);
    images = await unpackImages();
  });
  const image = (name: string): UnpackedImage => {
    const found = images[name];
    if (found === undefined) throw new Error(`no image ${name}`);
    return found;
  };
  const succeeded = (ran: Ran) => expect(ran.status, `${ran.stdout}${ran.stderr}`).to.equal(0);

  it('controller: --check takes settings', () => {
    const files = { '/etc/portable-lb/settings.yaml': settings };
    const ran = image('controller').run(['node', '/app/controller.js', '--check'], {
      ...asController,
      files,
      writable: ['/etc/portable-lb', '/run'],
    });
    expect(`${ran.stdout}${ran.stderr}`).to.match(/web/);
    expect(ran.status, ran.stderr).to.be.oneOf([0, 1]);
    expect(ran.stderr).not.to.match(/read-only|EROFS|ENOENT.*(keepalived|setpriv|mkfifo)/i);
  });

  for (const command of [
    ['keepalived', '--version'],
    ['nft', 'list', 'ruleset'],
    ['iptables-legacy', '--version'],
    ['iptables-legacy-save', '--version'],
    ['iptables-legacy-restore', '--version'],
    ['ip', 'route', 'add', 'local', '203.0.113.0/28', 'dev', 'lo'],
    ['sysctl', 'net.ipv4.ip_forward'],
    ['setpriv', '--version'],
    ['mkfifo', '--version'],
  ]) {
    it(`controller: ${command.join(' ')}, with NET_ADMIN and nothing else`, () =>
      void succeeded(image('controller').run(command, asController)));
  }

  it('controller: makes packet rules with NET_ADMIN', () => {
    succeeded(image('controller').run(['nft', 'add', 'table', 'ip', 'try'], asController));
    expect(image('controller').run(['nft', 'add', 'table', 'ip', 'try'], { uid: 0 }).status).not.to.equal(0);
  });

  it('sidecar: ExaBGP, its helper and Python start without any right', () => {
    const ran = image('bgp-sidecar').run(['exabgp', '--version'], asNobody);
    succeeded(ran);
    expect(ran.stdout).to.match(/4\.2/);
    succeeded(image('bgp-sidecar').run(['socat', '-V'], asNobody));
  });

  it('sidecar: ExaBGP has what its quick start needs (bgp-sidecar/exabgp/command.ts)', () => {
    const names = 'from exabgp.vendoring import docopt; from exabgp.application import run_exabgp';
    const ran = image('bgp-sidecar').run(['python3', '-c', `${names}; docopt.docopt`], asNobody);
    succeeded(ran);
  });

  it('sidecar: Python compiles nothing at the start', () => {
    const ran = image('bgp-sidecar').run(['python3', '-v', '-c', 'import exabgp.application'], asNobody);
    succeeded(ran);
    expect(ran.stderr).to.match(/exabgp.*\.pyc matches/);
    expect(ran.stderr).not.to.match(/could not write|# code object from '[^']*\.py'/);
  });

  for (const [name, uid] of [
    ['controller', 0],
    ['node-router', 0],
    ['bgp-sidecar', 65532],
  ] as const) {
    it(`${name}: says what it lacks, and finds its compiled code`, () => {
      const ran = image(name).run(['node', `/app/${name}.js`], {
        uid,
        env: { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
      });
      expect(ran.status).to.be.oneOf([1, 2]);
      const said = `${ran.stdout}${ran.stderr}`;
      expect(said).to.match(/POD_IP|NODE_NAME|NODE_IP/);
      expect(said).to.match(
        new RegExp(
          `cache for ${name}\\.bundle\\.js.*(accepted|success)|${name}\\.bundle\\.js.*was accepted`,
          's',
        ),
      );
    });
  }

  it('reflector: awk writes a configuration that GoBGP takes, and GoBGP serves port 179 without a capability', () => {
    const config = '[global.config]\nas = 64512\nrouter-id = "@POD_IP@"\nport = 179\n';
    const render = readFileSync(join(checkout, 'charts/route-reflector/files/render.awk'), 'utf8');
    const options = {
      ...asNobody,
      writable: ['/run', '/tmp'],
      files: { '/run/render.awk': render, '/run/gobgpd.in': config, '/run/password': 'pass"word\n' },
      env: { POD_IP: '127.0.0.1', OUT: '/dev/stdout', PASSWORD_FILE: '/run/password' },
    };
    const rendered = image('route-reflector').run(
      ['mawk', '-f', '/run/render.awk', '/run/gobgpd.in'],
      options,
    );
    succeeded(rendered);
    expect(rendered.stdout).to.equal(config.replace('@POD_IP@', '127.0.0.1'));
    const files = { '/run/gobgpd.toml': rendered.stdout };
    succeeded(
      image('route-reflector').run(
        ['gobgpd', '--dry-run', '--config-strict', '--config-file=/run/gobgpd.toml'],
        {
          ...options,
          files,
        },
      ),
    );
    succeeded(image('route-reflector').run(['gobgp', '--help'], asNobody));
  });
});
