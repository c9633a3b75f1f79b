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
  const notes: string[] = [];
  let resolve: (host: string, signal: AbortSignal) => Promise<string[]> = () =>
    Promise.reject(new Error('no name is asked for'));
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sidecar-settings-'));
    file = join(directory, 'settings.yaml');
    given.length = 0;
    told.length = 0;
    notes.length = 0;
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
      onNotes: (found) => void notes.push(...found.map(({ problem }) => problem.message)),
      dns: { resolve, everyMs: 10, answerMs: 50 },
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

  it('goes on with what it has when settings name a password that this pod does not have', async () => {
    writeFileSync(file, head + bgp());
    await watch();
    await until('the first settings', () => given.length === 1);
    writeFileSync(file, head + bgp(`, passwordFile: ${directory}/of-the-next-pod`));
    await until('the problem', () => told.some((text) => text.includes('of-the-next-pod')));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).to.have.length(1);
    expect(given[0]?.speaker?.peers[0]?.password).to.equal(undefined);
  });

  it('tells what is wrong with the file, and keeps quiet about it until that changes', async () => {
    writeFileSync(file, 'service: {}\n');
    await watch();
    await until('the problem', () => told.length > 0);
    expect(told.join()).to.contain('service.name');
    expect(given).to.deep.equal([]);
  });

  const addresses = () => given.at(-1)?.speaker?.peers.map(({ address }) => address) ?? [];
  const named = (...hosts: string[]) =>
    `${head}bgp: { localAS: 64512, peers: [${hosts.map((host) => `{ host: ${host} }`).join(', ')}] }\n`;

  const first = () => until('the first settings', () => given.length === 1);

  it('takes every address of a name as a peer, and follows them', async () => {
    let answer = ['10.0.0.252', '10.0.0.251'];
    resolve = async () => answer;
    writeFileSync(file, named('reflector.lb'));
    await watch();
    await first();
    expect(given[0]?.speaker?.peers).to.deep.equal(
      ['10.0.0.251', '10.0.0.252'].map((address) => ({
        address,
        host: 'reflector.lb',
        port: 179,
        peerAS: 64512,
        password: undefined,
      })),
    );
    answer = ['10.0.0.253', '10.0.0.252'];
    await until('the other address', () => given.length === 2);
    expect(addresses()).to.deep.equal(['10.0.0.252', '10.0.0.253']);
    expect(notes).to.deep.equal([]);
  });

  it('an empty answer, a failure and silence leave the addresses known last, and are told', async () => {
    const answers: [string, () => Promise<string[]>, RegExp][] = [
      [
        'an empty answer',
        async () => [],
        /it has no A record\): the addresses known last stay: 10\.0\.0\.251;/,
      ],
      [
        'a failure',
        () => Promise.reject(new Error('the DNS server refuses to answer')),
        /the DNS server refuses to answer/,
      ],
    ];
    let answer = async (_signal: AbortSignal) => ['10.0.0.251'];
    resolve = (_host, signal) => answer(signal);
    writeFileSync(file, named('reflector.lb'));
    await watch();
    await first();
    for (const [what, how, words] of answers) {
      answer = how;
      await until(what, () => words.test(notes.at(-1) ?? ''));
      expect(addresses()).to.deep.equal(['10.0.0.251']);
    }
    answer = (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await until('silence', () => /no answer in 0\.05 s/.test(notes.at(-1) ?? ''));
    expect(addresses()).to.deep.equal(['10.0.0.251']);
    expect(told).to.deep.equal([]);
  });

  it('a name that does not resolve keeps nothing else back; alone it refuses the settings, until it resolves', async () => {
    const known: Record<string, string[]> = { good: ['10.0.0.251'] };
    resolve = async (host) => known[host] ?? [];
    writeFileSync(file, named('good', 'bad'));
    await watch();
    await first();
    expect(addresses()).to.deep.equal(['10.0.0.251']);
    expect(notes[0]).to.match(
      /name bad does not resolve .* no session is made with them; look at bgp\.peers/,
    );
    writeFileSync(file, named('bad'));
    await until('the refusal', () => told.some((text) => text.includes('no address of any peer')));
    expect(addresses()).to.deep.equal(['10.0.0.251']);
    known.bad = ['10.0.0.9'];
    await until('the address', () => addresses()[0] === '10.0.0.9');
  });

  it('leaves out addresses that cannot be a peer, each with its reason', async () => {
    resolve = async () => ['10.0.0.251', '10.0.0.252', '10.42.0.2', '127.0.0.1', '203.0.113.3'];
    writeFileSync(
      file,
      `${head}bgp: { localAS: 64512, peers: [{ host: reflector.lb }, { address: 10.0.0.251 }] }\n`,
    );
    await watch();
    await first();
    expect(addresses()).to.deep.equal(['10.0.0.252', '10.0.0.251']);
    for (const words of [
      'address 10.0.0.251, which is not taken as a peer: bgp.peers has it already',
      "address 10.42.0.2, which is not taken as a peer: it is the pod's own address",
      'address 127.0.0.1, which is not taken as a peer: no peer can have it',
      'address 203.0.113.3, which is not taken as a peer: it is within the VIP prefix 203.0.113.0/28',
    ])
      expect(notes.filter((note) => note.includes(words)).length, words).to.be.at.least(1);
  });
});
