import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type SidecarSettings, watchSettings } from '../../../bgp-sidecar/settings-source.ts';

const head = 'service: { name: web }\nvip: { prefixes: [203.0.113.0/28] }\n';
const bgp = (extra = '') => `bgp: { localAS: 64512, peers: [{ address: 10.0.0.251${extra} }] }\n`;

describe('bgp-sidecar: settings', () => {
  let directory: string;
  let file: string;
  let source: { close(): Promise<void> } | undefined;
  const given: SidecarSettings[] = [];
  const told: string[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sidecar-settings-'));
    file = join(directory, 'settings.yaml');
    given.length = 0;
    told.length = 0;
  });
  afterEach(async () => {
    await source?.close();
    rmSync(directory, { recursive: true });
  });

  const watch = async () => {
    source = await watchSettings({
      file,
      identity: { podIP: '10.42.0.2', nodeIP: '192.0.2.1' },
      onSettings: (settings) => void given.push(settings),
      onProblems: (found) => void told.push(...found.map(({ message }) => message)),
    });
  };
  const until = async (what: string, holds: () => boolean) => {
    const deadlineMs = performance.now() + 5000;
    while (!holds()) {
      if (performance.now() > deadlineMs)
        throw new Error(`waited for ${what}; given ${JSON.stringify(given)}, told ${told}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  it('does not believe the half of a file that is written in place: without bgp all would be withdrawn', async () => {
    writeFileSync(file, head + bgp());
    await watch();
    await until('the first settings', () => given.length === 1);
    for (let i = 0; i < 20; i++) {
      writeFileSync(file, head);
      await new Promise((resolve) => setTimeout(resolve, 8));
      writeFileSync(
        file,
        `${head}bgp: { localAS: 64512, holdSeconds: ${10 + i}, peers: [{ address: 10.0.0.251 }] }\n`,
      );
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
    await until('the last settings', () => given.at(-1)?.speaker?.holdSeconds === 29);
    expect(given.filter(({ speaker }) => speaker === undefined)).to.deep.equal([]);
  });

  it('tells a password that cannot be read, and takes the settings up when it can', async () => {
    const passwordFile = join(directory, 'password');
    writeFileSync(file, head + bgp(`, passwordFile: ${passwordFile}`));
    await watch();
    await until('the problem', () => told.some((text) => text.includes(passwordFile)));
    expect(given).to.deep.equal([]);
    writeFileSync(passwordFile, 'secret\n');
    writeFileSync(file, `${head}scheduler: rr\n${bgp(`, passwordFile: ${passwordFile}`)}`);
    await until('the settings', () => given.length === 1);
    expect(given[0]?.speaker?.peers[0]?.password).to.equal('secret');
  });

  it('tells what is wrong with the file, and keeps quiet about it until that changes', async () => {
    writeFileSync(file, 'service: {}\n');
    await watch();
    await until('the problem', () => told.length > 0);
    expect(told.join()).to.contain('service.name');
    expect(given).to.deep.equal([]);
  });
});
