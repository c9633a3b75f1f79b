/** What is in the images and what is not: those that `npm run images` builds, unpacked. Their programs: see programs.test.ts. */
import { expect } from 'chai';
import { productVersion } from '../../lab/images/plan.ts';
import { type UnpackedImage, unpackImages } from './unpacked.ts';

/** Megabytes unpacked. */
const goals: Record<string, number> = {
  controller: 220,
  'bgp-sidecar': 200,
  'node-router': 150,
  'route-reflector': 60,
};
const users: Record<string, string> = {
  controller: '0:0',
  'node-router': '0:0',
  'bgp-sidecar': '65532:65532',
  'route-reflector': '65532:65532',
};

const interpreters = /\/(ba|da|a|k|z|c)?sh$|\/(busybox|toybox|perl|env|sed|bash)$/;
const tools = /\/(apt|apt-get|dpkg|npm|npx|corepack|gcc|cc|ld|strip|make|pip3?|curl|wget)$/;

describe('images', () => {
  let images: Record<string, UnpackedImage>;
  before(async function () {
    this.timeout(600_000);
    images = await unpackImages();
  });
  const each = (check: (image: UnpackedImage) => void) => () => {
    for (const image of Object.values(images)) check(image);
  };
  const paths = ({ files }: UnpackedImage, pattern: RegExp) =>
    files.filter(({ path, kind }) => kind !== 'folder' && pattern.test(path)).map(({ path }) => path);

  it(
    'are small',
    each(({ name, bytes }) => {
      expect(bytes / 1e6, name).to.be.below(goals[name] ?? 0);
    }),
  );

  it('share the layer with Node', () => {
    const { controller, 'node-router': nodeRouter, 'bgp-sidecar': sidecar } = images;
    const [base, node] = controller?.layers ?? [];
    expect(node).to.be.a('string');
    expect(nodeRouter?.layers.slice(0, 2)).to.deep.equal([base, node]);
    expect(sidecar?.layers.slice(0, 2)).to.deep.equal([base, node]);
  });

  it(
    'have no shell or other interpreter than they need',
    each((image) => {
      expect(paths(image, interpreters), image.name).to.deep.equal([]);
      expect(paths(image, /\/python3[.0-9]*$/), image.name).to.have.length(
        image.name === 'bgp-sidecar' ? 2 : 0,
      );
    }),
  );

  it(
    'have no tools of their making left, no lists of packages, no sources',
    each((image) => {
      expect(paths(image, tools), image.name).to.deep.equal([]);
      expect(
        paths(image, /^\/var\/(lib|cache)\/apt|^\/var\/lib\/dpkg\/(info|status$)|^\/root|^\/src|\.ts$/),
        image.name,
      ).to.deep.equal([]);
    }),
  );

  it(
    'tell scanners what packages they have, with licences',
    each((image) => {
      const packages = paths(image, /^\/var\/lib\/dpkg\/status\.d\/./).map((path) => path.split('/').at(-1));
      expect(packages, image.name).to.include('libc6');
      expect(paths(image, /^\/usr\/share\/doc\/.*\/copyright$/).length, image.name).to.be.at.least(
        packages.length,
      );
    }),
  );

  it(
    'hold nothing that gives rights, or that others may write',
    each((image) => {
      const risky = image.files.filter(
        ({ kind, mode, path }) => kind !== 'link' && path !== '/tmp' && (mode & 0o6002) !== 0,
      );
      expect(risky, image.name).to.deep.equal([]);
    }),
  );

  it(
    'say who they are, and start their program as their user',
    each(({ name, config }) => {
      expect(config.User, name).to.equal(users[name]);
      const entrypoint = name === 'route-reflector' ? ['gobgpd'] : ['node', `/app/${name}.js`];
      expect(config.Entrypoint, name).to.deep.equal(entrypoint);
      if (name !== 'route-reflector') expect(config.Env).to.include('MALLOC_ARENA_MAX=1');
      const label = (key: string) => config.Labels[`org.opencontainers.image.${key}`];
      expect(label('title')).to.equal(`portable-lb ${name}`);
      expect(label('version')).to.equal(productVersion());
      expect(label('licenses')).to.equal('Apache-2.0');
      expect(label('source')).to.match(/^https:/);
      expect(label('description')).to.be.a('string');
    }),
  );
});
