import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { monotonicMs } from '../../../../common/clock.ts';
import {
  createSettingsSource,
  type SettingsSource,
  type WatchedSettings,
} from '../../../../controller/watch/settings.ts';

const settings = (name: string) => `service: { name: ${name} }\nvip: { prefixes: [203.0.113.0/28] }\n`;

describe('settings and templates, watched', () => {
  let directory: string;
  let file: string;
  let templatesDirectory: string;
  let source: SettingsSource;
  let given: WatchedSettings[];
  let refused: string[][];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'settings-'));
    file = join(directory, 'settings.yaml');
    templatesDirectory = join(directory, 'templates');
    given = [];
    refused = [];
    source = createSettingsSource({ file, templatesDirectory });
  });
  afterEach(async () => {
    await source.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function start(): Promise<void> {
    return source.start(
      (watched) => given.push(watched),
      (problems) => refused.push(problems.map(({ message }) => message)),
    );
  }
  function put(path: string, text: string): void {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  }
  async function until(what: string, holds: () => boolean): Promise<void> {
    const from = monotonicMs();
    while (!holds()) {
      if (monotonicMs() - from > 3_000)
        throw new Error(
          `not within 3 s: ${what}; given ${JSON.stringify(given)}; refused ${JSON.stringify(refused)}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  const last = () => given.at(-1);
  const untilName = (name: string) => until(`service ${name}`, () => last()?.settings.service.name === name);

  it('gives settings and templates together, then each change of either', async () => {
    put(file, settings('web'));
    mkdirSync(templatesDirectory);
    put(join(templatesDirectory, 'ipvs.conf.hbs'), 'one');
    await start();
    await untilName('web');
    expect(given).to.have.length(1);
    expect(last()?.templates).to.deep.equal({ 'ipvs.conf.hbs': 'one' });
    put(join(templatesDirectory, 'ipvs.conf.hbs'), 'two');
    await until('template', () => last()?.templates['ipvs.conf.hbs'] === 'two');
    put(file, settings('api'));
    await untilName('api');
    unlinkSync(join(templatesDirectory, 'ipvs.conf.hbs'));
    await until('no template', () => Object.keys(last()?.templates ?? {}).length === 0);
    expect(given).to.have.length(4);
    expect(refused).to.deep.equal([]);
  });

  it('needs no directory of templates, and takes one that comes later', async () => {
    put(file, settings('web'));
    await start();
    await untilName('web');
    mkdirSync(templatesDirectory);
    put(join(templatesDirectory, 'virtual-service.conf.hbs'), 'one');
    await until('template', () => last()?.templates['virtual-service.conf.hbs'] === 'one');
    rmSync(templatesDirectory, { recursive: true });
    await until('no template', () => Object.keys(last()?.templates ?? {}).length === 0);
  });

  for (const [what, spoil, mend] of [
    [
      'a template that cannot be read',
      () => mkdirSync(join(templatesDirectory, 'ipvs.conf.hbs'), { recursive: true }),
      () => rmdirSync(join(templatesDirectory, 'ipvs.conf.hbs')),
    ],
    [
      'a directory of templates that cannot be read',
      () => writeFileSync(templatesDirectory, ''),
      () => {
        unlinkSync(templatesDirectory);
        mkdirSync(templatesDirectory);
      },
    ],
  ] as const)
    it(`${what} at the start is not taken for none: nothing is given, and that is told, until it is mended`, async () => {
      put(file, settings('web'));
      spoil();
      await start();
      await until('told', () =>
        refused.flat().some((message) => message.includes('no template is in force')),
      );
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(given).to.deep.equal([]);
      const told = refused.flat();
      expect(told.filter((message) => /cannot be read \((EISDIR|ENOTDIR)/.test(message))).to.have.length(1);
      expect(
        told.filter((message) => /nor the default ones.*could not be read/.test(message)),
      ).to.have.length(1);
      mend();
      put(join(templatesDirectory, 'ipvs.conf.hbs'), 'one');
      await untilName('web');
      expect(given).to.have.length(1);
      expect(last()?.templates).to.deep.equal({ 'ipvs.conf.hbs': 'one' });
    });

  it('keeps the last good settings, and says all that is wrong once', async () => {
    put(file, settings('web'));
    await start();
    await untilName('web');
    const bad = `${settings('Web')}drain: { seconds: -1 }\n`;
    put(file, bad);
    await until('refused', () => refused.length === 1);
    expect(refused[0]).to.have.length(2);
    expect(refused[0]?.[0]).to.match(/settings\.yaml: service\.name: is "Web"; accepted: /);
    put(file, bad);
    put(file, `${settings('web')}# the same\n`);
    put(file, settings('api'));
    await untilName('api');
    expect(refused).to.have.length(1);
    expect(given).to.have.length(2);
  });

  it('never takes half-written settings for whole ones', async () => {
    const whole = `${settings('web')}bgp: { localAS: 64512, peers: [{ address: 10.0.0.251 }] }\n`;
    put(file, whole);
    await start();
    await untilName('web');
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(file, whole.slice(0, length));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    writeFileSync(file, whole.slice(0, -5));
    await until('refused', () => refused.length > 0);
    writeFileSync(file, whole.replace('name: web', 'name: api'));
    await untilName('api');
    for (const each of given) expect(each.settings.bgp?.localAS).to.equal(64_512);
  });

  it('says when the file is not there, at the start and later, and takes it when it comes', async () => {
    await start();
    await until('refused', () => refused.length === 1);
    expect(refused[0]).to.deep.equal([
      `${file}: the settings file does not exist; create it, or name another with --settings`,
    ]);
    writeFileSync(file, settings('web'));
    await untilName('web');
    unlinkSync(file);
    await until('refused again', () => refused.length === 2);
    expect(given).to.have.length(1);
  });

  it('follows a ConfigMap as the kubelet swaps it', async () => {
    for (const version of [1, 2, 3]) {
      const held = join(directory, `..${version}`);
      mkdirSync(held);
      writeFileSync(join(held, 'settings.yaml'), settings(`web-${version}`));
      symlinkSync(`..${version}`, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
      if (version === 1) {
        symlinkSync('..data/settings.yaml', file);
        await start();
      }
      await untilName(`web-${version}`);
    }
    expect(refused).to.deep.equal([]);
  });
});
