import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createExabgpSpeaker } from '../../../../bgp-sidecar/exabgp/speaker.ts';
import type { FaultKind, Route, Speaker, SpeakerSettings } from '../../../../bgp-sidecar/speaker.ts';
import { monotonicMs } from '../../../../common/clock.ts';
import { createLogger } from '../../../../common/log.ts';
import { waitFor } from '../../../../lab/wait.ts';

const fake = new URL('./fake-exabgp.ts', import.meta.url).pathname;
const prefix = '203.0.113.0/28';
const route: Route = {
  prefix,
  nextHop: '10.0.0.1',
  kind: 'announced',
  localPreference: 100,
  communities: [],
};
const peers = [{ address: '10.0.0.251', port: 179, peerAS: 64512, password: 'geheim' }];
const settings: SpeakerSettings = { localAS: 64512, holdSeconds: 9, address: '10.0.0.11', peers };

describe('the speaker made of ExaBGP, with ExaBGP faked at its edge', function () {
  this.timeout(30_000);
  let directory: string;
  let speaker: Speaker;
  let faults: FaultKind[];
  let told: string[];
  let log: string;

  const behave = (how: 'well' | 'mute' | 'refuse' | 'forget' | 'exit') =>
    writeFileSync(join(directory, 'behaviour'), how);
  const commands = () => readFileSync(join(directory, 'commands'), 'utf8').trim().split('\n');
  const waitForPrefix = (state: string) =>
    waitFor(
      `${prefix} to be ${state}`,
      () => {
        const status = speaker.status();
        return (
          (status.unsettled === undefined && status.prefixes[prefix] === state) || {
            notYet: `${JSON.stringify(status)} ${log}`,
          }
        );
      },
      { deadlineMs: 20_000 },
    );

  const stream = {
    write(line: string) {
      log += line;
    },
  };
  const makeSpeaker = (exabgp: string) =>
    createExabgpSpeaker({
      runDirectory: directory,
      exabgp,
      socat: '/usr/bin/socat',
      path: '/usr/bin:/bin',
      isRoot: false,
      log: createLogger({ program: 'test', level: 'debug', stream }),
      events: {
        changed: () => undefined,
        session: (peer, { up }) => void told.push(`${peer} ${up ? 'up' : 'down'}`),
        fault: (kind) => void faults.push(kind),
      },
      nowMs: monotonicMs,
      deadlines: {
        answerMs: 1_000,
        startMs: 20_000,
        helperMs: 300,
        beatMs: 50,
        askSessionsMs: 200,
        refusedMs: 200,
        tellMs: 1_000,
      },
    });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fake-exabgp-'));
    const exabgp = join(directory, 'exabgp');
    writeFileSync(exabgp, `#!/bin/sh\nexec ${process.execPath} ${fake} "$@"\n`);
    chmodSync(exabgp, 0o755);
    behave('well');
    faults = [];
    told = [];
    log = '';
    speaker = makeSpeaker(exabgp);
  });
  afterEach(async () => {
    await speaker.stop('kill');
    rmSync(directory, { recursive: true, force: true });
  });

  it('tells what is wanted, and withdraws what is not', async () => {
    speaker.set([route]);
    await speaker.configure(settings);
    await waitForPrefix('announced');
    expect(speaker.status().peers['10.0.0.251']?.up).to.equal(true);
    speaker.set([]);
    await waitForPrefix('withdrawn');
    expect(commands().filter((line) => !line.startsWith('show'))).to.deep.equal([
      `announce route ${prefix} next-hop 10.0.0.1 local-preference 100`,
      `withdraw route ${prefix}`,
    ]);
    expect(faults).to.deep.equal([]);
  });

  it('keeps the password in a file that nobody else may read, and out of the log', async () => {
    await speaker.configure(settings);
    const file = join(directory, 'exabgp.conf');
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(readFileSync(file, 'utf8')).to.contain(
      `md5-password "${Buffer.from('geheim').toString('base64')}"`,
    );
    expect(log).to.not.match(/geheim/);
  });

  it('a refused command is told with its words, counted, and tried again', async () => {
    behave('refuse');
    await speaker.configure(settings);
    speaker.set([route]);
    await waitFor('two refusals', () => faults.filter((kind) => kind === 'command-refused').length >= 2);
    expect(log).to.contain(`it refused the command: announce route ${prefix}`);
    behave('well');
    await waitForPrefix('announced');
  });

  it('a withdrawal that was acknowledged and not sent is told, counted, and said again', async () => {
    await speaker.configure(settings);
    speaker.set([route]);
    await waitForPrefix('announced');
    behave('forget');
    speaker.set([]);
    await waitFor('the fault', () => faults.includes('untold'));
    expect(log).to.contain(`was not told that ${prefix} is withdrawn for 1 s: everything is sent again`);
    expect(speaker.status().prefixes, 'the peer has it still').to.deep.equal({ [prefix]: 'announced' });
    behave('well');
    await waitForPrefix('withdrawn');
    expect(commands().filter((line) => line.startsWith('withdraw')).length).to.be.at.least(2);
  });

  it('no answer: the helper is killed, then ExaBGP, and all is told again', async () => {
    await speaker.configure(settings);
    speaker.set([route]);
    await waitForPrefix('announced');
    behave('mute');
    await waitFor('the helper to be killed', () => faults.includes('helper-stuck'));
    behave('well');
    // the fake is its own helper: with its socket closed it ends, as an ExaBGP that gives up does
    await waitFor('ExaBGP to end', () => faults.includes('speaker-death'));
    await waitForPrefix('announced');
  });

  it('that exits with 0 again and again is started again, after ever longer pauses', async () => {
    behave('exit');
    await speaker.configure(settings);
    speaker.set([route]);
    await waitFor('three deaths', () => faults.length >= 3);
    expect(new Set(faults)).to.deep.equal(new Set(['speaker-death']));
    expect(
      [...log.matchAll(/started again in (\d+) ms/g)].slice(0, 3).map(([, delayMs]) => delayMs),
    ).to.deep.equal(['100', '300', '900']);
    behave('well');
    await waitForPrefix('announced');
  });

  it('a new peer is taken by a reload, without an end of ExaBGP', async () => {
    await speaker.configure(settings);
    speaker.set([route]);
    await waitForPrefix('announced');
    await speaker.configure({
      ...settings,
      peers: [...peers, { address: '10.0.0.252', port: 179, peerAS: 64512 }],
    });
    await waitFor(
      'the route to be told again',
      () => commands().filter((line) => line.startsWith('announce')).length > 1,
    );
    expect(faults).to.deep.equal([]);
    expect(log.match(/ExaBGP is started/g)).to.have.length(1);
  });

  it('another hold time: one session after the other begins anew, and newest settings win', async () => {
    const two = [...peers, { address: '10.0.0.252', port: 179, peerAS: 64512, host: 'reflector.lb' }];
    const [first, second] = two.map(({ address }) => address) as [string, string];
    const upTwice = (count: number) =>
      waitFor(
        `${count} sessions that came up`,
        () => told.filter((line) => line.endsWith(' up')).length === count || { notYet: `${told} ${log}` },
        { deadlineMs: 20_000 },
      );
    await speaker.configure({ ...settings, peers: two });
    await upTwice(2);
    expect(speaker.status().peers[second]).to.include({ host: 'reflector.lb' });
    told.length = 0;
    await speaker.configure({ ...settings, holdSeconds: 30, peers: two });
    await upTwice(2);
    expect(told).to.deep.equal([`${first} down`, `${first} up`, `${second} down`, `${second} up`]);
    told.length = 0;
    await speaker.configure({ ...settings, holdSeconds: 60, peers: two });
    await speaker.configure({ ...settings, holdSeconds: 30, peers: two });
    await waitFor('the session that had begun anew, with the newest hold time', () => {
      const config = readFileSync(join(directory, 'exabgp.conf'), 'utf8');
      const isNewest = config.match(/hold-time 30;/g)?.length === 2;
      return (isNewest && told.at(-1) === `${first} up`) || { notYet: `${told} ${config}` };
    });
    expect(told.filter((line) => line.startsWith(second))).to.deep.equal([]);
    expect(faults).to.deep.equal([]);
    expect(log.match(/ExaBGP is started/g)).to.have.length(1);
  });

  it('a program that is not there is told by name', async () => {
    await speaker.stop('kill');
    const missing = makeSpeaker('/nowhere/exabgp');
    await missing.configure(settings);
    await waitFor('the complaint', () => /nowhere\/exabgp/.test(log));
    await missing.stop('kill');
  });
});
